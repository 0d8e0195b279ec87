#pragma once

#include <string>
#include <string_view>

namespace isopop::sim::doctor {

// kWarning: it will work, but slower or with less than it could have. kProblem: it will not, or not
// for so many PoPs. kUnknown: what would tell could not be read, and nothing is guessed.
enum class Verdict { kOk, kWarning, kProblem, kUnknown };

// "ok", "warning", "problem", "unknown": stable, programs read them.
[[nodiscard]] std::string_view to_string(Verdict verdict);

// Whether `isopop up` would fail for certain, and soon.
enum class Launch { kMayGoOn, kIsBlocked };

// One thing that was looked at. A plain value; all texts are for people, but `name` is stable.
struct Finding {
  std::string name;  // "open-files"
  Verdict verdict = Verdict::kOk;
  std::string found;   // "4,096 for each process"
  std::string needed;  // "16,384 for the router"; empty when nothing is demanded
  std::string why;     // what goes wrong without it, one sentence; empty when all is well
  std::string fix;     // a command, or several joined by &&; empty when no command mends it
  Launch launch = Launch::kMayGoOn;

  [[nodiscard]] bool blocks_start() const { return launch == Launch::kIsBlocked; }
};

}  // namespace isopop::sim::doctor
