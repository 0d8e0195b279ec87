#include "sim/launch/not_ready.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <set>

namespace isopop::sim {
namespace {

constexpr std::chrono::milliseconds kAnswerTimeout{2'000};
constexpr std::size_t kNamesShown = 10;

std::string shorten(const std::vector<std::string>& names) {
  const std::size_t shown = std::min(names.size(), kNamesShown);
  std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<long>(shown), ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

}  // namespace

NotReady find_not_ready(const ControlClient* control, const std::vector<std::string>& pops,
                        std::chrono::nanoseconds waited) {
  const std::string after =
      fmt::format("after {:.0f} s ", std::chrono::duration<double>(waited).count());
  const Result<std::vector<PopReport>> reports =
      control != nullptr ? control->pops(kAnswerTimeout) : unavailable("it never listened");
  if (!reports.ok()) {
    return {.message = after + "the control plane gives no answer", .culprit = "control"};
  }
  std::set<std::string> ready;
  for (const PopReport& report : reports.value()) {
    if (report.condition == PopCondition::kReady) ready.insert(report.id);
  }
  std::vector<std::string> missing;
  for (const std::string& pop : pops) {
    if (!ready.contains(pop)) missing.push_back(pop);
  }
  if (missing.empty()) {
    return {.message = after + "all PoPs are ready but the router is not", .culprit = "router"};
  }
  return {.message = fmt::format("{}{} of {} PoPs are not ready: {}", after, missing.size(),
                                 pops.size(), shorten(missing)),
          .culprit = missing.front()};
}

}  // namespace isopop::sim
