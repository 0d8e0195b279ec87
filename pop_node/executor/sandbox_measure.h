#pragma once

#include <string>

namespace isopop::executor {

// One thing that executors are confined by, or are not and why.
struct SandboxMeasure {
  std::string name;  // "seccomp", "user-namespace"
  bool active = false;
  std::string detail;  // why it is not active
};

}  // namespace isopop::executor
