#pragma once

#include <string>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/control.pb.h"

namespace isopop::control::cli {

// How a deployment is to come to the PoPs, by the flags of a command.
struct RolloutOptions {
  std::string waves;                  // --waves: "canary,region,all" or "canary=AMS,FRA;rest=all"
  std::vector<std::string> wave;      // --wave NAME=SELECTOR, in their order, after --waves
  std::vector<std::string> abort_on;  // --abort-on, each with one or several conditions, or "none"
  std::string bake;                   // --bake; empty: not said
  bool at_once = false;               // --at-once: nothing of the file's
};

// The plan by the flags, and where they say nothing by the file (worker.yaml's `rollout`), whose
// waves can also be chosen by their names. "all" needs no other explanation. Waves without a word
// about what takes them back have the default guards. INVALID_ARGUMENT says which flag is wrong and
// how it is written.
[[nodiscard]] Result<v1::RolloutPlan> plan_of(const RolloutOptions& options,
                                              const v1::RolloutPlan& file);

// What nobody wants to go on with: a PoP that rejects the code, executors that end by themselves.
void add_default_guards(v1::RolloutPlan& plan);

}  // namespace isopop::control::cli
