#include "control_plane/cli/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "common/app/app.h"
#include "common/rpc/tls_options.h"
#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/registry/names.h"

namespace isopop::control::cli {
namespace {

constexpr const char* kFooter =
    "Data goes to standard output, everything else to standard error.\n"
    "Exit codes: 0 done, 1 unexpected, 2 usage, 3 not found, 4 conflict, 5 not allowed,\n"
    "6 control plane unreachable, 7 --wait ran out of time, 8 PoPs rejected it,\n"
    "9 worker invalid, 10 rollout aborted, 130 interrupted.";

// "popctl versions list"
std::string path_of(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : path_of(*parent) + ' ' + app.get_name();
}

const CLI::App& last_chosen(const CLI::App& app) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  return chosen.empty() ? app : last_chosen(*chosen.back());
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  if (app.get_parent() != nullptr) {
    const std::vector<std::string> inherited = option_names(*app.get_parent());
    names.insert(names.end(), inherited.begin(), inherited.end());
  }
  return names;
}

const std::map<std::string, OutputFormat>& formats() {
  static const std::map<std::string, OutputFormat> all = {{"table", OutputFormat::kTable},
                                                          {"wide", OutputFormat::kWide},
                                                          {"json", OutputFormat::kJson},
                                                          {"ndjson", OutputFormat::kNdjson},
                                                          {"yaml", OutputFormat::kYaml}};
  return all;
}

std::string check_format(const std::string& name) {
  if (formats().contains(name)) return {};
  return fmt::format("{}: must be table, wide, json, ndjson or yaml", in_quotes(name));
}

// Usage lines with the whole command in them, also of a command of a group; words for people.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() {
    label("TEXT", "VALUE");
    label("UINT", "NUMBER");
    label("REQUIRED", "(required)");
    label("SUBCOMMAND", "COMMAND");
    label("SUBCOMMANDS", "COMMANDS");
    label("Subcommands", "Commands");
  }
  [[nodiscard]] std::string make_usage(const CLI::App* app, std::string /*name*/) const override {
    return CLI::Formatter::make_usage(app, path_of(*app));
  }
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string() : std::string(trim(value));
}

std::string with_suggestion(std::string text, const std::string& meant) {
  if (!meant.empty()) text += fmt::format("; did you mean {}?", meant);
  return text;
}

}  // namespace

void add_dry_run(CLI::App& command, bool& dry_run) {
  command.add_flag("--dry-run", dry_run, "Say what would be done, and change nothing");
}

std::string explain_argument(const CLI::App& app, const std::string& argument) {
  const std::string whole = path_of(app);
  if (argument.starts_with('-') && argument.size() > 1) {
    const std::string name = argument.substr(0, argument.find('='));
    return with_suggestion(fmt::format("{} has no option {}", whole, in_quotes(name)),
                           did_you_mean(name, option_names(app)));
  }
  std::vector<std::string> names;
  for (const CLI::App* command : commands_of(app)) names.push_back(command->get_name());
  if (names.empty())
    return fmt::format("{} takes no more arguments: {}", whole, in_quotes(argument));
  return with_suggestion(fmt::format("{} has no command {}", whole, in_quotes(argument)),
                         did_you_mean(argument, names));
}

CLI::Option* add_repeated(CLI::App& command, const std::string& name,
                          std::vector<std::string>& values, const std::string& description) {
  return command.add_option(name, values, description + "; may be repeated")
      ->allow_extra_args(false);
}

std::string check_duration(const std::string& text) {
  const Result<std::chrono::nanoseconds> parsed = parse_duration(text);
  return parsed.ok() ? std::string() : parsed.error().message;
}

CommandLine::CommandLine()
    : app_("Deploys workers to Isopop and shows what runs where.", "popctl") {
  app_.set_version_flag("--version", program_version());
  app_.require_subcommand(1);
  app_.fallthrough();
  app_.footer(kFooter);
  app_.formatter(std::make_shared<HelpFormatter>());
  add_global_options();
}

void CommandLine::add_global_options() {
  TargetOptions& target = global_.target;
  app_.add_option("--endpoint", target.endpoint, "Control plane, HOST:PORT (or POPCTL_ENDPOINT)");
  app_.add_option("--context", target.context,
                  "Control plane by its name in `popctl context list`");
  app_.add_option("--state", target.state,
                  "Control plane of the topology in this folder (default: .isopop)");
  app_.add_option("--token-file", target.token_file,
                  "File with the token that says who you are (or POPCTL_TOKEN, the token itself)")
      ->envname("POPCTL_TOKEN_FILE");
  app_.add_option("--ca", target.ca, "CA of the control plane's certificate (PEM)")
      ->envname("POPCTL_CA");
  app_.add_option_function<std::string>(
          "-o,--output",
          [this](const std::string& name) { global_.output.format = formats().find(name)->second; },
          "How data is printed (default: table)")
      ->check(check_format)
      ->option_text("table|wide|json|ndjson|yaml");
  app_.add_flag_callback(
      "--no-headers", [this] { global_.output.headers = false; },
      "Tables without their first line");
  app_.add_flag_callback(
      "-q,--quiet", [this] { global_.notes = Notes::kQuiet; }, "No notes and no progress");
  app_.add_flag_callback(
      "-y,--yes", [this] { global_.confirmation = Confirmation::kGiven; },
      "Do not ask before something is deleted");
  rpc::add_tls_options(app_, global_.target.tls, "POPCTL");
}

CLI::App& CommandLine::add(const std::string& name, const std::string& description) {
  return add(app_, name, description);
}

CLI::App& CommandLine::add(CLI::App& group, const std::string& name,
                           const std::string& description) {
  CLI::App& command = *group.add_subcommand(name, description);
  command.footer("Options of every command: popctl --help");
  return command;
}

CLI::App& CommandLine::add_group(const std::string& name, const std::string& description) {
  return add_group(app_, name, description);
}

CLI::App& CommandLine::add_group(CLI::App& group, const std::string& name,
                                 const std::string& description) {
  CLI::App& added = add(group, name, description);
  added.require_subcommand(1);
  return added;
}

void CommandLine::on_run(CLI::App& command, std::function<ExitCode(const GlobalOptions&)> action) {
  if (command.get_require_subcommand_min() > 0) command.require_subcommand(0, 1);
  command.callback([this, action = std::move(action)] {
    // A group's turn comes after that of its command, which has set this.
    if (!action_) action_ = action;
  });
}

void CommandLine::on_session(CLI::App& command, std::function<ExitCode(Session&)> action) {
  on_run(command, [action = std::move(action)](const GlobalOptions& global) {
    Session session = open_session(global);
    return session.client == nullptr ? session.failure : action(session);
  });
}

int CommandLine::run(int argc, const char* const* argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version
    if (error.get_exit_code() == 0) return app_.exit(error);
    return static_cast<int>(explain(error));
  }
  global_.target.endpoint_of_environment = environment("POPCTL_ENDPOINT");
  global_.target.token_of_environment = environment("POPCTL_TOKEN");
  return static_cast<int>(action_(global_));
}

ExitCode CommandLine::explain(const CLI::ParseError& error) {
  const Terminal terminal;
  const CLI::App& app = last_chosen(app_);
  const std::string hint = fmt::format("{} --help shows what it takes", path_of(app));
  const std::vector<std::string> left_over = app_.remaining(/*recurse=*/true);
  if (!left_over.empty()) {
    return terminal.fail(ExitCode::kUsage, explain_argument(app, left_over.front()), hint);
  }
  if (app.get_require_subcommand_min() > 0) {
    terminal.note(app.help());
    return terminal.fail(ExitCode::kUsage, fmt::format("{}: which command?", path_of(app)));
  }
  return terminal.fail(ExitCode::kUsage, error.what(), hint);
}

}  // namespace isopop::control::cli
