#pragma once

#include <string_view>
#include <vector>

#include "tests/tidy/source_file.h"

namespace isopop::tidy {

// A place where a rule does not hold, with the reason. The one list of them is in exceptions.cc; an
// exception that nothing needs any more is an error too.
struct Exception {
  std::string_view rule;
  std::string_view path;  // a file, or a folder with '/' at its end
  std::string_view word;  // must stand in the finding's message; empty for all
  std::string_view reason;
};

[[nodiscard]] const std::vector<Exception>& exceptions();
[[nodiscard]] bool covers(const Exception& exception, const Finding& finding);

}  // namespace isopop::tidy
