#include "common/app/app.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <memory>
#include <utility>

#include "common/config/config_node.h"
#include "common/units/units.h"

namespace isopop {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitBug = 70;  // EX_SOFTWARE of sysexits.h

// "isopop-pop", "--http-listen" -> "ISOPOP_POP_HTTP_LISTEN"
std::string environment_name(const std::string& program, const std::string& option) {
  std::string name = program + "_" + option;
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    if (c == '-') return '_';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return name;
}

// CLI11 reads its own INI dialect; this reads YAML in its place. CLI11 reports by exception, and
// this is the adapter that speaks its language.
class YamlConfig final : public CLI::Config {
 public:
  explicit YamlConfig(const CLI::App* app) : app_(app) {}

  [[nodiscard]] std::string to_config(const CLI::App* /*app*/, bool /*defaults*/,
                                      bool /*descriptions*/,
                                      std::string /*prefix*/) const override {
    return {};
  }

  [[nodiscard]] std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    const std::string text(std::istreambuf_iterator<char>(input), {});
    Result<std::vector<CLI::ConfigItem>> outcome = read(text);
    if (!outcome.ok()) throw CLI::ConfigError(outcome.error().message, CLI::ExitCodes::ConfigError);
    return std::move(outcome).value();
  }

 private:
  [[nodiscard]] Result<std::vector<CLI::ConfigItem>> read(const std::string& text) const {
    const CLI::Option* option = app_->get_config_ptr();
    const std::string file = option->results().empty() ? "config" : option->results().front();
    ISOPOP_TRY_ASSIGN(const ConfigNode root, ConfigNode::parse(text, file));
    std::vector<std::string> known;
    for (const CLI::Option* entry : app_->get_options({})) {
      for (const std::string& name : entry->get_lnames()) known.push_back(name);
    }
    ISOPOP_TRY(root.allow_only(known));
    ISOPOP_TRY_ASSIGN(const auto fields, root.as_map());
    std::vector<CLI::ConfigItem> pairs;
    for (const auto& [key, value] : fields) {
      if (is_set_by_environment(key)) continue;
      CLI::ConfigItem item;
      item.name = key;
      if (value.is_scalar()) {
        ISOPOP_TRY_ASSIGN(std::string text_value, value.as_string());
        item.inputs.push_back(std::move(text_value));
      } else {
        ISOPOP_TRY_ASSIGN(const std::vector<ConfigNode> entries, value.as_list());
        for (const ConfigNode& entry : entries) {
          ISOPOP_TRY_ASSIGN(std::string text_value, entry.as_string());
          item.inputs.push_back(std::move(text_value));
        }
      }
      pairs.push_back(std::move(item));
    }
    return pairs;
  }

  // CLI11 would let the file win over the environment.
  [[nodiscard]] bool is_set_by_environment(const std::string& key) const {
    const std::string name = app_->get_option("--" + key)->get_envname();
    return !name.empty() && std::getenv(name.c_str()) != nullptr;  // NOLINT(concurrency-mt-unsafe)
  }

  const CLI::App* app_;
};

int print_error(const std::string& message, int code) {
  std::fprintf(stderr, "error: %s\n", message.c_str());
  return code;
}

}  // namespace

void name_environment(CLI::App& app, const std::string& program) {
  for (CLI::Option* option : app.get_options({})) {
    const std::vector<std::string>& names = option->get_lnames();
    if (names.empty() || names.front() == "help" || names.front() == "version") continue;
    if (option->get_envname().empty()) option->envname(environment_name(program, names.front()));
  }
}

void accept_yaml_config(CLI::App& app) {
  app.set_config("--config", "", "YAML file whose keys are these options' long names");
  app.config_formatter(std::make_shared<YamlConfig>(&app));
  app.allow_config_extras(CLI::config_extras_mode::error);
}

std::string program_version() {
  return ISOPOP_VERSION;
}

int run_server_program(const ProgramDescription& program, int argc, char** argv,
                       const std::function<void(CLI::App&)>& add_options,
                       const std::function<Result<void>()>& run) {
  try {
    CLI::App app(program.description, program.name);
    std::string level = "info";
    std::string format = "text";
    app.set_version_flag("--version", program_version());
    app.add_option("--log-level", level, "debug, info, warning or error")->capture_default_str();
    app.add_option("--log-format", format, "text, or json: one object a line")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
    std::string log_bytes_max = "0 B";
    app.add_option("--log-bytes-max", log_bytes_max,
                   "begin the log anew when standard error is a file larger than this; 0 B: never")
        ->capture_default_str();
    add_options(app);
    accept_yaml_config(app);
    name_environment(app, program.name);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      // Help and version are "errors" with exit code 0 and their text on standard output.
      return app.exit(error) == 0 ? 0 : kExitUsage;
    }
    const Result<LogLevel> log_level = parse_log_level(level);
    if (!log_level.ok()) return print_error(log_level.error().message, kExitUsage);
    const Result<std::uint64_t> file_bytes_max = parse_bytes(log_bytes_max);
    if (!file_bytes_max.ok()) {
      return print_error("--log-bytes-max: " + file_bytes_max.error().message, kExitUsage);
    }
    configure_log(
        {.program = program.name,
         .level = log_level.value(),
         .format = format == "json" ? LogOptions::Format::kJson : LogOptions::Format::kText,
         .file_bytes_max = file_bytes_max.value()});
    const Result<void> outcome = run();
    if (!outcome.ok()) return print_error(outcome.error().message, kExitFailed);
    return 0;
  } catch (const std::exception& error) {
    return print_error(fmt::format("{}: unexpected: {}", program.name, error.what()), kExitBug);
  }
}

}  // namespace isopop
