#include "control_plane/cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "common/text/text.h"
#include "control_plane/registry/deployment_rules.h"
#include "control_plane/registry/names.h"

namespace isopop::control::cli {
namespace {

// In hundredths of a percent: "90", "12.5", "12.5%".
std::optional<std::uint32_t> parse_weight(std::string_view text) {
  if (text.ends_with('%')) text.remove_suffix(1);
  const std::optional<double> percent = parse_double(text);
  if (!percent || *percent <= 0.0 || *percent > 100.0) return std::nullopt;
  const double weight = *percent * 100.0;
  const double rounded = std::round(weight);
  if (std::abs(weight - rounded) > 1e-6) return std::nullopt;
  return static_cast<std::uint32_t>(rounded);
}

}  // namespace

Result<Pair> parse_pair(std::string_view flag, const std::string& given) {
  const std::size_t equals = given.find('=');
  if (equals == std::string::npos) {
    return invalid_argument(fmt::format("{} {}: must be NAME=VALUE", flag, in_quotes(given)));
  }
  return Pair{.name = given.substr(0, equals), .value = given.substr(equals + 1)};
}

Result<std::uint64_t> parse_version(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('v') || digits.starts_with('V')) digits.remove_prefix(1);
  const std::optional<unsigned long long> number = parse_unsigned(digits);
  if (number && *number > 0) return std::uint64_t{*number};
  return invalid_argument(
      fmt::format("version {}: must be a number from 1, as v3 or 3", in_quotes(text)));
}

Result<std::vector<v1::VersionShare>> parse_shares(const std::vector<std::string>& given) {
  std::vector<v1::VersionShare> shares;
  std::optional<std::size_t> rest;
  std::uint32_t total = 0;
  for (const std::string& text : given) {
    const std::size_t at = text.find('@');
    v1::VersionShare share;
    ISOPOP_TRY_ASSIGN(const std::uint64_t number,
                      parse_version(std::string_view(text).substr(0, at)));
    share.set_number(number);
    if (at == std::string::npos) {
      if (rest) return invalid_argument("only one version can go without its share, as V2@10");
      rest = shares.size();
    } else {
      const auto weight = parse_weight(std::string_view(text).substr(at + 1));
      if (!weight) {
        return invalid_argument(fmt::format(
            "share {}: must be VERSION@PERCENT, above 0 to 100 with at most two decimals",
            in_quotes(text)));
      }
      share.set_weight(*weight);
      total += *weight;
    }
    shares.push_back(share);
  }
  if (rest) {
    if (total >= kWeightTotal) {
      return invalid_argument(
          fmt::format("nothing is left for v{}: the others' shares sum up to "
                      "{:g} %",
                      shares[*rest].number(), total / 100.0));
    }
    shares[*rest].set_weight(kWeightTotal - total);
  }
  ISOPOP_TRY(check_shares(shares));
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& a, const auto& b) { return a.weight() > b.weight(); });
  return shares;
}

Result<v1::Stickiness> parse_stickiness(const std::string& text) {
  constexpr std::string_view kHeader = "header:";
  v1::Stickiness stickiness;
  if (text.empty()) return stickiness;
  if (text == "client") {
    stickiness.set_client(true);
  } else if (text.starts_with(kHeader)) {
    stickiness.set_header(to_lower(std::string_view(text).substr(kHeader.size())));
    ISOPOP_TRY(check_stickiness(stickiness));
  } else {
    return invalid_argument(
        fmt::format("--sticky {}: must be client or header:NAME", in_quotes(text)));
  }
  return stickiness;
}

std::uint64_t WaitGoal::needed(std::uint64_t pops) const {
  if (pops == 0) return 0;
  const double exact = ratio * static_cast<double>(pops);
  // 95 % of 20 is 19, whatever the last bit of the product says.
  const auto number = static_cast<std::uint64_t>(std::ceil(exact - 1e-9));
  return std::clamp<std::uint64_t>(number, 1, pops);
}

Result<WaitGoal> parse_wait_goal(const std::string& text) {
  if (text == "all") return WaitGoal{};
  // Half of an even number is no majority; above half by less than one PoP of any network is.
  if (text == "quorum") return WaitGoal{.ratio = 0.5 + 1e-6};
  if (text.ends_with('%')) {
    const std::optional<double> percent =
        parse_double(std::string_view(text).substr(0, text.size() - 1));
    if (percent && *percent > 0.0 && *percent <= 100.0) return WaitGoal{.ratio = *percent / 100.0};
  }
  return invalid_argument(fmt::format("--wait={}: must be all, quorum or a share as 95%", text));
}

std::string format_shares(const v1::Deployment& deployment) {
  if (deployment.shares_size() == 1) return fmt::format("v{}", deployment.shares(0).number());
  std::vector<std::string> parts;
  for (const v1::VersionShare& share : deployment.shares()) {
    parts.push_back(fmt::format("v{}@{:g}%", share.number(), share.weight() / 100.0));
  }
  return join(parts, " ");
}

std::string format_stickiness(const v1::Stickiness& stickiness) {
  if (stickiness.has_header()) return "header:" + stickiness.header();
  return stickiness.client() ? "client" : "";
}

}  // namespace isopop::control::cli
