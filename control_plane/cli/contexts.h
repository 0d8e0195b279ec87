#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "common/result/result.h"

namespace isopop::control::cli {

// Control planes by names of one's own, so that a command need not say where one is: what
// `popctl context` keeps in ~/.config/popctl/config.yaml. Tokens are not in it, only the names of
// their files.
struct Context {
  std::string endpoint;  // "HOST:PORT"; or else…
  std::string state;     // …the folder of a topology on this machine
  std::string ca;        // file of the CA that signed the control plane's certificate
  std::string token_file;
};

struct Contexts {
  std::string current;  // empty: none
  std::map<std::string, Context> by_name;
};

// $POPCTL_CONFIG, else popctl/config.yaml in $XDG_CONFIG_HOME or ~/.config. Empty where none of
// them is set.
[[nodiscard]] std::filesystem::path contexts_file();

// Nothing when there is no such file. INVALID_ARGUMENT names the file, the line and what is wrong.
[[nodiscard]] Result<Contexts> load_contexts(const std::filesystem::path& file);
// Makes the folder; the file is for its owner alone.
[[nodiscard]] Result<void> save_contexts(const std::filesystem::path& file,
                                         const Contexts& contexts);

// NOT_FOUND, with the one that was probably meant.
[[nodiscard]] Result<Context> find_context(const Contexts& contexts, const std::string& name);

// 1 to 64 letters, digits, '-', '_' and '.'.
[[nodiscard]] Result<void> check_context_name(const std::string& name);

}  // namespace isopop::control::cli
