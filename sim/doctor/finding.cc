#include "sim/doctor/finding.h"

namespace isopop::sim::doctor {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kWarning:
      return "warning";
    case Verdict::kProblem:
      return "problem";
    case Verdict::kUnknown:
      break;
  }
  return "unknown";
}

}  // namespace isopop::sim::doctor
