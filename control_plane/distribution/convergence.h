#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/time/clock.h"
#include "control_plane/distribution/catalog.h"
#include "control_plane/distribution/pop_table.h"
#include "control_plane/rollout/rollout.h"
#include "isopop/v1/control.pb.h"
#include "isopop/v1/rollout.pb.h"

namespace isopop::control {

// How far PoPs have come with what they are to run. Pure functions of what is wanted and what each
// PoP answered; each looks at every PoP once.

// Connected PoPs that are to run the version, as the heaviest share or a lighter one. A version
// that is neither live nor on the way is superseded and done; one that is on the way is done when
// it is live.
[[nodiscard]] v1::VersionProgress progress_of(const Catalog& catalog, const PopTable& pops,
                                              WorkerIndex worker, std::uint64_t number);

// Connected PoPs that hold what they are to run of the worker.
[[nodiscard]] std::uint64_t pops_in_sync(const Catalog& catalog, const PopTable& pops,
                                         WorkerIndex worker);

// Of a deployment that is live or on the way: every PoP that is to have it, connected or not. Of
// another: nobody. Without the deployment itself.
[[nodiscard]] v1::Convergence convergence_of(const Catalog& catalog, const PopTable& pops,
                                             WorkerIndex worker, std::uint64_t deployment,
                                             Instant now);

// How PoPs answered to the deployment: one for each wave of its plan.
[[nodiscard]] std::vector<WaveAnswers> wave_answers(const Catalog& catalog, const PopTable& pops,
                                                    WorkerIndex worker, const Plan& plan,
                                                    std::uint64_t deployment);

}  // namespace isopop::control
