#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <string>

#include "common/result/result.h"

namespace isopop::sim {

// The seam of `isopop`'s sub-commands. Each has a file pair with a function
//   void add_up_command(CLI::App& app, Command& chosen);
// which adds the sub-command with its options and, when the user has chosen it, puts what is to be
// done into `chosen`. main.cc is the list of them.
struct Command {
  std::function<int()> run;  // returns the exit code
};

// What `isopop` ends with. (3, 99 and 105 are `isopop replay`'s.)
enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,  // also: `isopop status` of a network that is not ready
  kExitUsage = 2,
  kExitRunInvalid = 3,  // the rate was not held
  kExitBadInput = 4,    // trace or config; the message names file and line
  kExitBug = 70,
  kExitThreshold = 99,
  kExitAborted = 105,
  kExitInterrupted = 130,
};

// Prints "error: …" to standard error; returns the code.
int fail(const Error& error, int code);

// Adds --state DIR (environment: ISOPOP_STATE), by default .isopop in the current folder.
void add_state_option(CLI::App& app, std::string& state);

}  // namespace isopop::sim
