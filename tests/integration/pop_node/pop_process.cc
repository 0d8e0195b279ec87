#include "tests/integration/pop_node/pop_process.h"

#include <utility>

#include "common/text/text.h"
#include "tests/support/command.h"
#include "tests/support/wait.h"

namespace isopop::pop {

PopProcess::PopProcess(const std::string& control_address, PopProcessOptions options)
    : control_address_(control_address),
      options_(std::move(options)),
      folder_(TempFolder::create("pop_test").value()) {
  if (!options_.zygote_script.empty()) {
    create_folders(state()).ignore("writing into it says so");
    const Result<void> written = write_file_atomically(state() / "zygote", options_.zygote_script);
    ISOPOP_ASSERT(written.ok(), "the zygote's script can be written");
  }
  start();
}

void PopProcess::start() {
  std::vector<std::string> arguments = {"--id",
                                        options_.id,
                                        "--city",
                                        "Amsterdam",
                                        "--country",
                                        "NL",
                                        "--region",
                                        "Europe",
                                        "--lat",
                                        "52.31",
                                        "--lon",
                                        "4.76",
                                        "--listen",
                                        "127.0.0.1:0",
                                        "--control",
                                        control_address_,
                                        "--state",
                                        state().string(),
                                        "--spare-executors",
                                        std::to_string(options_.spare_executors)};
  if (!options_.executor.empty()) {
    arguments.insert(arguments.end(), {"--executor", options_.executor.string()});
  }
  arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
  ++starts_;
  child_ = test::start_server("isopop-pop", arguments,
                              folder_.path() / ("log" + std::to_string(starts_)))
               .value();
  address_.clear();
  constexpr std::string_view kSaid = "serves on ";
  const bool said = test::wait_until([this, kSaid] {
    return child_->poll_exit().has_value() || log().find(kSaid) != std::string::npos;
  });
  const std::string text = log();
  const std::size_t at = text.find(kSaid);
  if (!said || at == std::string::npos) return;
  const std::size_t begin = at + kSaid.size();
  address_ = text.substr(begin, text.find(';', begin) - begin);
}

std::string PopProcess::log() const {
  return read_file(folder_.path() / ("log" + std::to_string(starts_))).value();
}

double PopProcess::metric(const std::string& name) const {
  const Result<RawResponse> page = request(address_, "any", "/__isopop/metrics");
  if (!page.ok()) return 0;
  for (const std::string_view line : split(page.value().body, '\n')) {
    if (line.starts_with(name + " ")) {
      return parse_double(line.substr(name.size() + 1)).value_or(0);
    }
  }
  return 0;
}

std::vector<pid_t> PopProcess::processes() const {
  std::vector<pid_t> pids = test::processes_with_argument(state().string());
  std::erase(pids, child_->pid());
  return pids;
}

std::vector<pid_t> PopProcess::executors() const {
  std::vector<pid_t> pids = processes();
  std::erase_if(pids, [this](pid_t pid) { return is_own_child(pid); });
  return pids;
}

std::optional<pid_t> PopProcess::zygote() const {
  for (const pid_t pid : processes()) {
    if (is_own_child(pid)) return pid;
  }
  return std::nullopt;
}

// The zygote is the PoP's child, executors are the zygote's.
bool PopProcess::is_own_child(pid_t pid) const {
  const Result<std::string> status = read_file("/proc/" + std::to_string(pid) + "/status");
  return status.ok() && status.value().find("\nPPid:\t" + std::to_string(child_->pid()) + "\n") !=
                            std::string::npos;
}

std::optional<ExitStatus> PopProcess::stop(int signal) {
  child_->send_signal(signal);
  return child_->wait_exit(std::chrono::seconds(10));
}

std::filesystem::path scripted_executor() {
  return program_folder() / "pop_node_scripted_executor";
}

}  // namespace isopop::pop
