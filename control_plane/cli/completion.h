#pragma once

#include <CLI/App.hpp>
#include <string>

namespace isopop::control::cli {

enum class Shell { kBash, kZsh, kFish };

// The script that lets a shell complete the commands and options of `root`, as they are in it, to
// be read by the shell at its start. Values are completed where there are only a few to choose from
// (named_values), file names elsewhere.
[[nodiscard]] std::string completion_script(const CLI::App& root, Shell shell);

// What an option takes, when its text for help lists it: "table|wide|json".
[[nodiscard]] std::string named_values(const CLI::Option& option);

}  // namespace isopop::control::cli
