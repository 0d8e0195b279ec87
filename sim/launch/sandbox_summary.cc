#include "sim/launch/sandbox_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

namespace isopop::sim {
namespace {

std::string count_of(std::size_t pops) {
  return fmt::format("{} PoP{}", pops, pops == 1 ? "" : "s");
}

// "network-namespace" is "network" to people, so that all of them fit a line.
std::string short_name(const std::string& name) {
  constexpr std::string_view kSuffix = "-namespace";
  return name.ends_with(kSuffix) ? name.substr(0, name.size() - kSuffix.size()) : name;
}

std::string list_of(const std::vector<std::string>& names) {
  std::vector<std::string> shown;
  std::transform(names.begin(), names.end(), std::back_inserter(shown), short_name);
  return fmt::format("{}", fmt::join(shown, " "));
}

// Measures that are missing for the same reason at the same number of PoPs are one line.
struct Reason {
  std::string text;
  std::size_t pops = 0;
  auto operator<=>(const Reason&) const = default;
};

}  // namespace

std::vector<std::string> summarize_sandboxes(const std::vector<PopReport>& pops) {
  std::vector<std::string> names;  // in the order they are told in
  std::map<std::string, std::size_t> active;
  std::map<std::pair<std::string, std::string>, std::size_t> missing;  // name, reason
  std::size_t told = 0;
  for (const PopReport& pop : pops) {
    if (!pop.sandbox.empty()) ++told;
    for (const SandboxMeasure& measure : pop.sandbox) {
      if (std::find(names.begin(), names.end(), measure.name) == names.end()) {
        names.push_back(measure.name);
      }
      ++(measure.active ? active[measure.name] : missing[{measure.name, measure.detail}]);
    }
  }
  std::vector<std::string> lines;
  if (told > 0) {
    std::vector<std::string> everywhere;
    std::copy_if(names.begin(), names.end(), std::back_inserter(everywhere),
                 [&](const std::string& name) { return active[name] == told; });
    lines.push_back(fmt::format("{} ({}{})", everywhere.empty() ? "nothing" : list_of(everywhere),
                                told == pops.size() ? "all " : "", count_of(told)));
  }
  std::map<Reason, std::vector<std::string>> reasons;
  for (const std::string& name : names) {
    for (const auto& [key, count] : missing) {
      if (key.first == name) reasons[{.text = key.second, .pops = count}].push_back(name);
    }
  }
  for (const auto& [reason, without] : reasons) {
    lines.push_back(
        fmt::format("without {} ({}): {}", list_of(without), count_of(reason.pops), reason.text));
  }
  if (const std::size_t silent = pops.size() - told; silent > 0) {
    lines.push_back(
        fmt::format("{} {} not told yet", count_of(silent), silent == 1 ? "has" : "have"));
  }
  return lines;
}

}  // namespace isopop::sim
