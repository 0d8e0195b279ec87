#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "control_plane/rollout/guard.h"
#include "control_plane/rollout/selector.h"
#include "isopop/v1/control.pb.h"

namespace isopop::control {

// How a deployment comes to the PoPs: a v1::RolloutPlan understood. A PoP belongs to the first wave
// that selects it; what none selects comes in a last wave of its own, "rest". A plan without waves
// is one wave of all. Immutable.
class Plan final {
 public:
  struct Wave {
    std::string name;
    std::string text;  // the selector as it was given
    Selector selector;
  };
  static constexpr std::chrono::milliseconds kBakeDefault{10'000};
  static constexpr std::chrono::milliseconds kBakeMax = std::chrono::hours(24);

  // INVALID_ARGUMENT names the part that is wrong and says what is allowed.
  [[nodiscard]] static Result<Plan> parse(const v1::RolloutPlan& plan);

  [[nodiscard]] const std::vector<Wave>& waves() const { return waves_; }  // at least one
  [[nodiscard]] std::size_t last_wave() const { return waves_.size() - 1; }
  [[nodiscard]] std::size_t wave_of(const v1::PopIdentity& pop) const;
  // Whether its wave looks out for bad code: all but the last do.
  [[nodiscard]] bool is_trial(std::size_t wave) const { return wave < last_wave(); }
  [[nodiscard]] const std::vector<Guard>& guards() const { return guards_; }
  [[nodiscard]] std::chrono::milliseconds bake() const { return bake_; }

 private:
  std::vector<Wave> waves_;
  std::vector<Guard> guards_;
  std::chrono::milliseconds bake_ = kBakeDefault;
};

}  // namespace isopop::control
