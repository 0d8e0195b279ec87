#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <string>

#include "common/app/app.h"
#include "common/rpc/tls_options.h"
#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/cli/commands.h"
#include "control_plane/registry/worker_limits.h"

namespace isopop::control::cli {
namespace {

constexpr int kExitBug = 70;

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 unexpected, 2 usage, 3 not found, 4 conflict, 5 not allowed,\n"
    "6 control plane unreachable, 7 --wait ran out of time, 8 PoPs rejected it,\n"
    "9 worker invalid, 10 rollout aborted, 130 interrupted.";

void on_interrupt(int /*signal*/) {
  // Only what may be called from a handler. What was committed stays committed.
  constexpr char kText[] = "\ninterrupted\n";
  static_cast<void>(!write(STDERR_FILENO, kText, sizeof kText - 1));
  _exit(static_cast<int>(ExitCode::kInterrupted));
}

std::string check_duration(const std::string& text) {
  const Result<std::chrono::nanoseconds> parsed = parse_duration(text);
  return parsed.ok() ? std::string() : parsed.error().message;
}

// The subcommands and where their options go; `run` is set by the one that was chosen.
class CommandLine final {
 public:
  CommandLine() : app_("Deploys workers to Isopop and shows what runs where.", "popctl") {
    app_.set_version_flag("--version", program_version());
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.footer(kFooter);
    app_.failure_message([](const CLI::App* app, const CLI::Error& error) {
      return fmt::format("error: {}\n  {} --help shows what it takes\n", error.what(),
                         app->get_name());
    });
    endpoint_flag_ = app_.add_option("--endpoint", global_.endpoint,
                                     "Control plane, HOST:PORT (or POPCTL_ENDPOINT)");
    state_flag_ = app_.add_option("--state", global_.state,
                                  "State folder of the topology: its control.endpoint is read")
                      ->capture_default_str();
    const std::map<std::string, OutputFormat> formats = {{"table", OutputFormat::kTable},
                                                         {"json", OutputFormat::kJson}};
    app_.add_option("-o,--output", global_.output, "table or json")
        ->transform(CLI::CheckedTransformer(formats))
        ->option_text("table|json");
    rpc::add_tls_options(app_, global_.tls, "POPCTL");
    add_deploy();
    add_lists();
    add_invoke();
  }

  int run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app_.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
    }
    // A flag beats the environment, and --state is a flag too.
    const char* from_environment = std::getenv("POPCTL_ENDPOINT");  // NOLINT(concurrency-mt-unsafe)
    if (endpoint_flag_->empty() && state_flag_->empty() && from_environment != nullptr) {
      global_.endpoint = from_environment;
    }
    return static_cast<int>(run_());
  }

 private:
  void add_deploy() {
    CLI::App* command = app_.add_subcommand("deploy", "Make a folder of code live at every PoP");
    command
        ->add_option(
            "path", deploy_.path,
            "The worker's folder, whose worker.yaml may say what no flag does; or its only file")
        ->required();
    command->add_option("--name", deploy_.name, "Worker name (default: the folder's)");
    command->add_option("--route", deploy_.routes,
                        "host/path it answers at, as 'shop.example/*'; may be repeated");
    command->add_option("--main", deploy_.main_module, "Main module, relative to the folder");
    command->add_option("--var", deploy_.variables, "NAME=VALUE for env; may be repeated");
    command->add_option(
        "--limit", deploy_.limits,
        fmt::format("NAME=VALUE, as 'cpu=50ms' or 'memory=256MiB'; may be repeated. "
                    "There are {}",
                    join(limit_names(), ", ")));
    command->add_option("--isolation", deploy_.isolation,
                        "pristine, fresh, warm or container (default: the PoPs' own)");
    command->add_option("--message", deploy_.message, "What this version is about");
    command->add_flag("--wait", deploy_.wait, "Return when every connected PoP has it");
    command->add_flag("--dry-run", deploy_.dry_run, "Check everything and deploy nothing");
    command->add_option("--timeout", deploy_timeout_, "For --wait")
        ->capture_default_str()
        ->check(check_duration);
    command->callback([this] {
      deploy_.timeout = parse_duration(deploy_timeout_).value();
      run_ = [this] { return run_deploy(global_, deploy_); };
    });
  }

  void add_lists() {
    app_.add_subcommand("list", "The workers that are live")->callback([this] {
      run_ = [this] { return run_list(global_); };
    });
    CLI::App* versions = app_.add_subcommand("versions", "All versions of a worker");
    versions->add_option("name", worker_, "Worker name")->required();
    versions->callback([this] { run_ = [this] { return run_versions(global_, worker_); }; });
    app_.add_subcommand("pops", "The PoPs and what they run")->callback([this] {
      run_ = [this] { return run_pops(global_); };
    });
    app_.add_subcommand("status", "The control plane in four lines")->callback([this] {
      run_ = [this] { return run_status(global_); };
    });
    CLI::App* remove = app_.add_subcommand("delete", "Take a worker off every PoP");
    remove->add_option("name", worker_, "Worker name")->required();
    remove->callback([this] { run_ = [this] { return run_delete(global_, worker_); }; });
  }

  void add_invoke() {
    CLI::App* command =
        app_.add_subcommand("invoke", "Send a worker one request, as a client in some city");
    command->add_option("name", invoke_.worker, "Worker name")->required();
    command->add_option("--from", invoke_.city, "The client's city: Amsterdam, or Paris,FR");
    command->add_option("--path", invoke_.path, "Path and query")->capture_default_str();
    command->add_option("-X,--method", invoke_.method, "Default: GET, or POST with --data");
    CLI::Option* data = command->add_option("-d,--data", invoke_.data, "Request body");
    command->add_option("-H,--header", invoke_.headers, "'name: value'; may be repeated");
    command->add_flag("-i,--include", invoke_.include_head, "Print status and headers too");
    command->add_option("--timeout", invoke_timeout_, "For the whole answer")
        ->capture_default_str()
        ->check(check_duration);
    command->callback([this, data] {
      invoke_.has_data = !data->empty();
      invoke_.timeout = parse_duration(invoke_timeout_).value();
      run_ = [this] { return run_invoke(global_, invoke_); };
    });
  }

  CLI::App app_;
  GlobalOptions global_;
  CLI::Option* endpoint_flag_ = nullptr;
  CLI::Option* state_flag_ = nullptr;
  DeployOptions deploy_;
  InvokeOptions invoke_;
  std::string worker_;
  std::string deploy_timeout_ = "60s";
  std::string invoke_timeout_ = "60s";
  std::function<ExitCode()> run_;
};

}  // namespace
}  // namespace isopop::control::cli

int main(int argc, char** argv) {
  static_cast<void>(std::signal(SIGINT, isopop::control::cli::on_interrupt));
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  try {
    return isopop::control::cli::CommandLine().run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: unexpected: {}\n", error.what());
    return isopop::control::cli::kExitBug;
  }
}
