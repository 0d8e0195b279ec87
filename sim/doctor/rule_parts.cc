#include "sim/doctor/rule_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace isopop::sim::doctor {

std::string count_text(std::uint64_t count) {
  if (count == kUnlimited) return "no limit";
  std::string digits = fmt::format("{}", count);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string as_root(const HostFacts& facts, std::string_view command) {
  return facts.is_root ? std::string(command) : fmt::format("sudo {}", command);
}

std::uint64_t with_room(std::uint64_t count) {
  constexpr std::uint64_t kLeast = 4'096;
  constexpr std::uint64_t kMost = 1ULL << 40U;  // beyond any table; keeps bit_ceil defined
  return std::bit_ceil(std::clamp(count, kLeast, kMost));
}

std::optional<std::uint64_t> left_of(std::optional<std::uint64_t> limit,
                                     std::optional<std::uint64_t> used) {
  if (!limit || *limit == kUnlimited) return limit;
  return *limit - std::min(*limit, used.value_or(0));
}

std::string up_command(const Plan& plan, std::string_view options) {
  constexpr std::string_view kDense = "--pops-per-container";
  std::string command = "isopop up";
  if (plan.engine == Engine::kCompose) command += " --engine compose";
  if (plan.pops_per_container > 1 && !options.starts_with(kDense)) {
    command += fmt::format(" {} {}", kDense, plan.pops_per_container);
  }
  return fmt::format("{} {}", command, options);
}

Finding at_least(Demand demand, Shortfall shortfall) {
  if (!demand.found) return unknown(std::move(demand.name), demand.source);
  Finding finding{.name = std::move(demand.name),
                  .found = std::move(demand.found_text),
                  .needed = std::move(demand.needed_text)};
  if (*demand.found >= demand.needed) return finding;
  finding.verdict = shortfall.verdict;
  finding.why = std::move(shortfall.why);
  finding.fix = std::move(shortfall.fix);
  finding.launch = shortfall.launch;
  return finding;
}

Finding unknown(std::string name, std::string_view source) {
  return {.name = std::move(name),
          .verdict = Verdict::kUnknown,
          .found = fmt::format("cannot be read from {}", source)};
}

}  // namespace isopop::sim::doctor
