#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <string>
#include <vector>

#include "control_plane/cli/exit_code.h"
#include "control_plane/cli/global_options.h"
#include "control_plane/cli/session.h"

namespace isopop::control::cli {

// popctl's command line: the options of every command, and the commands, which add themselves
// (commands.h). A command keeps its own options in a shared_ptr that its actions hold.
//
//   void add_thing_commands(CommandLine& line) {
//     CLI::App& things = line.add_group("thing", "What things there are");
//     auto options = std::make_shared<ThingOptions>();
//     CLI::App& list = line.add(things, "list", "All of them");
//     list.add_option("--limit", options->limit, "How many");
//     line.on_session(list, [options](Session& session) { return run_list(session, *options); });
//   }
class CommandLine final {
 public:
  CommandLine();

  // A command of its own...
  CLI::App& add(const std::string& name, const std::string& description);
  // ...or one of a group.
  CLI::App& add(CLI::App& group, const std::string& name, const std::string& description);
  CLI::App& add_group(const std::string& name, const std::string& description);
  CLI::App& add_group(CLI::App& group, const std::string& name, const std::string& description);

  // What the command does when it was chosen. A group may do something too, when none of its
  // commands was chosen.
  void on_run(CLI::App& command, std::function<ExitCode(const GlobalOptions&)> action);
  // The same with the control plane connected; if it cannot be, the action is not called.
  void on_session(CLI::App& command, std::function<ExitCode(Session&)> action);

  // Parses, does what was asked and gives the exit status.
  int run(int argc, const char* const* argv);

  [[nodiscard]] const CLI::App& root() const { return app_; }

 private:
  void add_global_options();
  ExitCode explain(const CLI::ParseError& error);

  CLI::App app_;
  GlobalOptions global_;
  std::function<ExitCode(const GlobalOptions&)> action_;
};

// An option that may be repeated and takes one value each time, so that what follows is not taken
// for another one.
CLI::Option* add_repeated(CLI::App& command, const std::string& name,
                          std::vector<std::string>& values, const std::string& description);

// --dry-run: say what would be done, and do not.
void add_dry_run(CLI::App& command, bool& dry_run);

// What is wrong with arguments that nobody took: the command or option that was probably meant.
// `app` is the last command that was recognised.
[[nodiscard]] std::string explain_argument(const CLI::App& app, const std::string& argument);

// For options that are lengths of time and sizes: empty, or what is wrong.
[[nodiscard]] std::string check_duration(const std::string& text);

}  // namespace isopop::control::cli
