#pragma once

#include <string>

#include "common/result/result.h"

namespace isopop::control::cli {

// A value that must not stand on a command line: from the file, or from standard input, where a
// terminal asks for it and shows nothing of it. One line break at its end is not part of it. Never
// empty.
[[nodiscard]] Result<std::string> read_secret(const std::string& file);

}  // namespace isopop::control::cli
