#include <fmt/format.h>

#include <memory>

#include "common/files/files.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/contexts.h"
#include "control_plane/registry/names.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;
using enum Table::Shown;
using enum Table::Align;

Json json_of(const Contexts& contexts, const std::string& name, const Context& context) {
  return {{"name", name},
          {"current", name == contexts.current},
          {"endpoint", context.endpoint},
          {"state", context.state},
          {"ca", context.ca},
          {"token_file", context.token_file}};
}

ExitCode fail(const GlobalOptions& global, const Error& error) {
  return Terminal(global.notes).fail(exit_code_of(error.code), error.message);
}

ExitCode run_list(const GlobalOptions& global) {
  const Result<Contexts> contexts = load_contexts(contexts_file());
  if (!contexts.ok()) return fail(global, contexts.error());
  Table table({{"CURRENT"}, {"NAME"}, {"CONTROL PLANE"}, {"TOKEN FILE"}, {"CA", kLeft, kWide}});
  Json list = Json::array();
  for (const auto& [name, context] : contexts.value().by_name) {
    table.add({name == contexts.value().current ? "*" : "", name,
               context.endpoint.empty() ? context.state : context.endpoint, context.token_file,
               context.ca});
    list.push_back(json_of(contexts.value(), name, context));
  }
  Output(global.output).list(table, list);
  return ExitCode::kDone;
}

ExitCode run_show(const GlobalOptions& global, const std::string& given) {
  const Result<Contexts> contexts = load_contexts(contexts_file());
  if (!contexts.ok()) return fail(global, contexts.error());
  const std::string name = given.empty() ? contexts.value().current : given;
  if (name.empty()) {
    return Terminal(global.notes)
        .fail(ExitCode::kNotFound, "no context is in use", "`popctl context use NAME` chooses one");
  }
  const Result<Context> context = find_context(contexts.value(), name);
  if (!context.ok()) return fail(global, context.error());
  std::string text = fmt::format("name        {}\n", name);
  const auto add = [&text](const char* title, const std::string& value) {
    if (!value.empty()) text += fmt::format("{:10}  {}\n", title, value);
  };
  add("endpoint", context.value().endpoint);
  add("state", context.value().state);
  add("ca", context.value().ca);
  add("token-file", context.value().token_file);
  Output(global.output).one(text, json_of(contexts.value(), name, context.value()));
  return ExitCode::kDone;
}

// Reads, changes and writes them; says what was done.
ExitCode change(const GlobalOptions& global, const std::string& done,
                const std::function<Result<void>(Contexts&)>& change_them) {
  const std::filesystem::path file = contexts_file();
  Result<Contexts> contexts = load_contexts(file);
  if (!contexts.ok()) return fail(global, contexts.error());
  const Result<void> changed = change_them(contexts.value());
  if (!changed.ok()) return fail(global, changed.error());
  const Result<void> saved = save_contexts(file, contexts.value());
  if (!saved.ok()) return fail(global, saved.error());
  Terminal(global.notes).note(done);
  return ExitCode::kDone;
}

ExitCode run_use(const GlobalOptions& global, const std::string& name) {
  return change(global, fmt::format("context {} is in use", name),
                [&name](Contexts& contexts) -> Result<void> {
                  ISOPOP_TRY(find_context(contexts, name));
                  contexts.current = name;
                  return {};
                });
}

// Files are kept by their whole paths: contexts are used from anywhere.
Result<void> make_absolute(std::string& path) {
  if (path.empty()) return {};
  ISOPOP_TRY_ASSIGN(const std::filesystem::path whole, absolute_path(path));
  path = whole.string();
  return {};
}

// What is given is set; the rest stays as it is.
Result<void> set_context(Contexts& contexts, const std::string& name, const TargetOptions& given) {
  ISOPOP_TRY(check_context_name(name));
  Context& context = contexts.by_name[name];
  if (given.endpoint) {
    context.endpoint = *given.endpoint;
    context.state.clear();
  }
  if (given.state) {
    context.state = *given.state;
    context.endpoint.clear();
  }
  if (given.endpoint && given.state) {
    return invalid_argument("--endpoint and --state: say one of the two");
  }
  if (!given.ca.empty()) context.ca = given.ca;
  if (!given.token_file.empty()) context.token_file = given.token_file;
  if (context.endpoint.empty() && context.state.empty()) {
    return invalid_argument(fmt::format(
        "context {}: say where its control plane is, with --endpoint or --state", in_quotes(name)));
  }
  ISOPOP_TRY(make_absolute(context.state));
  ISOPOP_TRY(make_absolute(context.ca));
  ISOPOP_TRY(make_absolute(context.token_file));
  if (contexts.current.empty()) contexts.current = name;
  return {};
}

ExitCode run_set(const GlobalOptions& global, const std::string& name) {
  return change(global, fmt::format("context {} set", name),
                [&](Contexts& contexts) { return set_context(contexts, name, global.target); });
}

ExitCode run_delete(const GlobalOptions& global, const std::string& name) {
  return change(global, fmt::format("context {} deleted", name),
                [&name](Contexts& contexts) -> Result<void> {
                  ISOPOP_TRY(find_context(contexts, name));
                  contexts.by_name.erase(name);
                  if (contexts.current == name) contexts.current.clear();
                  return {};
                });
}

}  // namespace

void add_context_commands(CommandLine& line) {
  CLI::App& group = line.add_group("context", "Control planes by names of your own");
  line.on_run(line.add(group, "list", "All of them; * marks the one in use"), run_list);
  const auto add_named = [&](const char* name, const char* description, auto run) {
    CLI::App& command = line.add(group, name, description);
    auto context = std::make_shared<std::string>();
    CLI::Option* option = command.add_option("name", *context, "Name of the context");
    line.on_run(command,
                [context, run](const GlobalOptions& global) { return run(global, *context); });
    return option;
  };
  add_named("use", "Use it where a command does not say which", run_use)->required();
  add_named("set",
            "Make or change one, with --endpoint or --state, --ca and --token-file. "
            "The first one is in use at once",
            run_set)
      ->required();
  add_named("show", "One of them (default: the one in use)", run_show);
  add_named("delete", "Forget it", run_delete)->required();
}

}  // namespace isopop::control::cli
