#include "sim/cli/command.h"

#include <cstdio>

namespace isopop::sim {

int fail(const Error& error, int code) {
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  return code;
}

void add_state_option(CLI::App& app, std::string& state) {
  state = ".isopop";
  app.add_option("--state", state, "Folder in which everything of one network lies")
      ->envname("ISOPOP_STATE")
      ->capture_default_str();
}

}  // namespace isopop::sim
