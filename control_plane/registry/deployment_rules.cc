#include "control_plane/registry/deployment_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "control_plane/registry/names.h"

namespace isopop::control {
namespace {

constexpr std::size_t kWaveNameBytesMax = 64;
constexpr std::size_t kSelectorBytesMax = 8 * 1024;
constexpr std::size_t kConditionBytesMax = 64;
constexpr std::size_t kHeaderBytesMax = 64;
constexpr std::uint32_t kBakeMsMax = 24 * 3600 * 1000;

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

std::map<std::uint64_t, std::uint32_t> weights_of(const v1::Deployment& deployment) {
  std::map<std::uint64_t, std::uint32_t> weights;
  for (const v1::VersionShare& share : deployment.shares())
    weights[share.number()] = share.weight();
  return weights;
}

}  // namespace

Result<void> check_shares(const std::vector<v1::VersionShare>& shares) {
  if (shares.empty()) return invalid_argument("a deployment needs at least one version");
  if (shares.size() > static_cast<std::size_t>(kSharesMax)) {
    return invalid_argument(fmt::format("{} versions; a deployment may share its requests among {}",
                                        shares.size(), kSharesMax));
  }
  std::set<std::uint64_t> numbers;
  std::uint64_t total = 0;
  for (const v1::VersionShare& share : shares) {
    if (!numbers.insert(share.number()).second) {
      return invalid_argument(fmt::format("v{} is given twice", share.number()));
    }
    if (share.weight() == 0) {
      return invalid_argument(fmt::format("v{} has a share of 0 %; leave it out", share.number()));
    }
    total += share.weight();
  }
  if (total != kWeightTotal) {
    return invalid_argument(fmt::format("the shares sum up to {:g} %; they must make 100 %",
                                        static_cast<double>(total) / 100.0));
  }
  return {};
}

Result<void> check_plan_size(const v1::RolloutPlan& plan) {
  if (plan.waves_size() > kWavesMax) {
    return invalid_argument(
        fmt::format("{} waves; a rollout may have {}", plan.waves_size(), kWavesMax));
  }
  for (const v1::RolloutPlan::Wave& wave : plan.waves()) {
    if (wave.name().size() > kWaveNameBytesMax || wave.selector().size() > kSelectorBytesMax) {
      return invalid_argument(fmt::format("wave {}: its name may have {} bytes and its selector {}",
                                          in_quotes(wave.name()), kWaveNameBytesMax,
                                          kSelectorBytesMax));
    }
  }
  if (plan.abort_on_size() > kAbortConditionsMax) {
    return invalid_argument(fmt::format("{} conditions to abort on; a rollout may have {}",
                                        plan.abort_on_size(), kAbortConditionsMax));
  }
  for (const std::string& condition : plan.abort_on()) {
    if (condition.empty() || condition.size() > kConditionBytesMax) {
      return invalid_argument(fmt::format("condition {}: must have 1 to {} bytes",
                                          in_quotes(condition), kConditionBytesMax));
    }
  }
  if (plan.bake_ms() > kBakeMsMax) return invalid_argument("a wave may bake for 24 h at most");
  return {};
}

Result<void> check_stickiness(const v1::Stickiness& stickiness) {
  if (!stickiness.has_header()) return {};
  const std::string& name = stickiness.header();
  const bool fits = !name.empty() && name.size() <= kHeaderBytesMax &&
                    std::all_of(name.begin(), name.end(), is_token_character);
  if (fits) return {};
  return invalid_argument(
      fmt::format("sticky header {}: must be a header's name in lower case of at most {} letters",
                  in_quotes(name), kHeaderBytesMax));
}

bool is_at_once(const v1::RolloutPlan& plan) {
  return plan.waves().empty() && plan.abort_on().empty();
}

bool is_same_split(const v1::Deployment& a, const v1::Deployment& b) {
  return weights_of(a) == weights_of(b) &&
         a.stickiness().SerializeAsString() == b.stickiness().SerializeAsString();
}

std::optional<v1::Deployment> rollback_target(const v1::Deployment& live,
                                              const std::vector<v1::Deployment>& good) {
  const auto number_of = [&good](std::uint64_t number) {
    return std::find_if(good.begin(), good.end(),
                        [number](const v1::Deployment& it) { return it.number() == number; });
  };
  const auto was_taken_back = [&](const v1::Deployment& candidate) {
    return std::any_of(good.begin(), good.end(), [&](const v1::Deployment& rollback) {
      if (rollback.number() <= candidate.number() || rollback.rolled_back_from() == 0) return false;
      const auto bad = number_of(rollback.rolled_back_from());
      return bad != good.end() && is_same_split(*bad, candidate);
    });
  };
  for (const v1::Deployment& candidate : good) {
    if (candidate.number() >= live.number() || is_same_split(candidate, live)) continue;
    if (!was_taken_back(candidate)) return candidate;
  }
  return std::nullopt;
}

}  // namespace isopop::control
