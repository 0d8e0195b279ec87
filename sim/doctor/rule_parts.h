#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sim/doctor/finding.h"
#include "sim/doctor/host_facts.h"
#include "sim/doctor/plan.h"

namespace isopop::sim::doctor {

// What the rules have in common; internal to them.

// "1,024"; "no limit" for kUnlimited.
[[nodiscard]] std::string count_text(std::uint64_t count);
// "sudo COMMAND", or the command alone for root.
[[nodiscard]] std::string as_root(const HostFacts& facts, std::string_view command);
// The next power of two, at least 4,096: limits are raised with room.
[[nodiscard]] std::uint64_t with_room(std::uint64_t count);
// What is left of a limit of which so much is in use. Absent when the limit is; a use that could
// not be read counts as none.
[[nodiscard]] std::optional<std::uint64_t> left_of(std::optional<std::uint64_t> limit,
                                                   std::optional<std::uint64_t> used);
// The command that starts the plan's network with an option changed.
[[nodiscard]] std::string up_command(const Plan& plan, std::string_view options);

// A number of which there must be enough.
struct Demand {
  std::string name;
  std::optional<std::uint64_t> found;  // compared; absent: unknown
  std::uint64_t needed = 0;
  std::string found_text;
  std::string needed_text;
  std::string source;  // where it is read, for "could not be read"
};
// What is said when there is not.
struct Shortfall {
  Verdict verdict = Verdict::kProblem;
  std::string why;
  std::string fix;
  Launch launch = Launch::kMayGoOn;
};
[[nodiscard]] Finding at_least(Demand demand, Shortfall shortfall);

[[nodiscard]] Finding unknown(std::string name, std::string_view source);

}  // namespace isopop::sim::doctor
