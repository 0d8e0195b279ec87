#pragma once

#include <optional>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/control.pb.h"

namespace isopop::control {

// What a deployment may be, and which one a rollback goes back to. Pure functions.

inline constexpr std::uint32_t kWeightTotal = 10'000;  // hundredths of a percent
inline constexpr int kSharesMax = 16;
inline constexpr int kWavesMax = 32;
inline constexpr int kAbortConditionsMax = 16;

// Each version once, no weight of 0, 10,000 together, at most kSharesMax.
[[nodiscard]] Result<void> check_shares(const std::vector<v1::VersionShare>& shares);

// Bounds only: how many, how long. What selectors and conditions mean is the rollouts' matter.
[[nodiscard]] Result<void> check_plan_size(const v1::RolloutPlan& plan);

// A header has a name that HTTP allows, in lower case.
[[nodiscard]] Result<void> check_stickiness(const v1::Stickiness& stickiness);

// Whether it is live from its commit on: nothing says that it is to be watched.
[[nodiscard]] bool is_at_once(const v1::RolloutPlan& plan);

// The same versions in the same shares, kept together in the same way.
[[nodiscard]] bool is_same_split(const v1::Deployment& a, const v1::Deployment& b);

// What the worker ran before `live`, of `good` (newest first, `live` among them). One that was
// rolled back from does not count, nor does a later one with the same split; so that two rollbacks
// in a row go two steps back.
[[nodiscard]] std::optional<v1::Deployment> rollback_target(
    const v1::Deployment& live, const std::vector<v1::Deployment>& good);

}  // namespace isopop::control
