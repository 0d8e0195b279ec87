#include "control_plane/rollout/plan.h"

#include <fmt/format.h>

#include <utility>

#include "control_plane/rollout/quoted.h"

namespace isopop::control {
namespace {

constexpr std::size_t kNameBytesMax = 64;
constexpr int kWavesMax = 32;
constexpr int kGuardsMax = 16;

}  // namespace

Result<Plan> Plan::parse(const v1::RolloutPlan& plan) {
  if (plan.waves_size() > kWavesMax || plan.abort_on_size() > kGuardsMax) {
    return invalid_argument(fmt::format("a rollout has at most {} waves and {} reasons to abort",
                                        kWavesMax, kGuardsMax));
  }
  Plan parsed;
  for (const v1::RolloutPlan::Wave& wave : plan.waves()) {
    const std::string name = wave.name().empty() ? wave.selector() : wave.name();
    if (name.size() > kNameBytesMax && !wave.name().empty()) {
      return invalid_argument(
          fmt::format("wave {}: a name has at most {} bytes", quoted(name), kNameBytesMax));
    }
    if (!parsed.waves_.empty() && parsed.waves_.back().selector.is_all()) {
      return invalid_argument(
          fmt::format("wave {} comes after one of all PoPs: none is left for it", quoted(name)));
    }
    ISOPOP_TRY_ASSIGN(
        Selector selector,
        Selector::parse(wave.selector()).with_context(fmt::format("wave {}", quoted(name))));
    parsed.waves_.push_back(
        {.name = name, .text = wave.selector(), .selector = std::move(selector)});
  }
  if (parsed.waves_.empty()) {
    parsed.waves_.push_back({.name = "all", .text = "all", .selector = Selector()});
  } else if (!parsed.waves_.back().selector.is_all()) {
    parsed.waves_.push_back({.name = "rest", .text = "all", .selector = Selector()});
  }
  for (const std::string& text : plan.abort_on()) {
    ISOPOP_TRY_ASSIGN(Guard guard, Guard::parse(text));
    parsed.guards_.push_back(std::move(guard));
  }
  if (plan.bake_ms() != 0) parsed.bake_ = std::chrono::milliseconds(plan.bake_ms());
  if (parsed.bake_ > kBakeMax) return invalid_argument("a wave is watched for at most 24 h");
  return parsed;
}

std::size_t Plan::wave_of(const v1::PopIdentity& pop) const {
  std::size_t wave = 0;
  while (wave < last_wave() && !waves_[wave].selector.matches(pop)) ++wave;
  return wave;
}

}  // namespace isopop::control
