#include "tests/integration/control_plane/control_process.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "tests/support/wait.h"

namespace isopop::control::test {

using isopop::test::CommandOutcome;

ControlProcess::ControlProcess() : folder_(TempFolder::create("isopop-control-").value()) {}

void ControlProcess::start(const std::vector<std::string>& more_arguments) {
  // A file that a killed predecessor left would be taken for the new one's.
  std::error_code ignored;
  std::filesystem::remove(state() / "control.endpoint", ignored);
  std::vector<std::string> arguments = {"--state", state().string(), "--http-listen",
                                        "127.0.0.1:0"};
  arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
  if (std::find(arguments.begin(), arguments.end(), "--listen") == arguments.end()) {
    arguments.insert(arguments.end(), {"--listen", "127.0.0.1:0"});
  }
  const auto says_who_may = [](const std::string& argument) {
    return argument == "--pki" || argument == "--tls-cert";
  };
  if (std::none_of(arguments.begin(), arguments.end(), says_who_may)) {
    arguments.emplace_back("--insecure");
  }
  Result<Child> child =
      isopop::test::start_server("isopop-control", arguments, folder_.path() / "control.log");
  ASSERT_TRUE(child.ok()) << child.error().message;
  child_ = std::move(child).value();
  ASSERT_TRUE(isopop::test::wait_until([this] {
    return std::filesystem::exists(state() / "control.endpoint") || child_->poll_exit();
  }));
  ASSERT_TRUE(is_running()) << log();
}

ExitStatus ControlProcess::stop(int signal) {
  child_->send_signal(signal);
  const std::optional<ExitStatus> status = child_->wait_exit(std::chrono::seconds(10));
  EXPECT_TRUE(status) << "still running\n" << log();
  child_.reset();
  return status.value_or(ExitStatus{.code = -1});
}

CommandOutcome ControlProcess::popctl(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"--state", state().string()});
  return isopop::test::run_command(isopop::test::program_path("popctl"), arguments);
}

CommandOutcome ControlProcess::deploy(const std::string& name, const std::string& code,
                                      std::vector<std::string> more) const {
  const std::filesystem::path file = write(name + "-code/index.js", code);
  std::vector<std::string> arguments = {"deploy", file.parent_path().string(), "--name", name};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return popctl(std::move(arguments));
}

std::string ControlProcess::endpoint() const {
  const std::string text = read_file(state() / "control.endpoint").value();
  return text.substr(0, text.find('\n'));
}

std::string ControlProcess::log() const {
  const Result<std::string> text = read_file(folder_.path() / "control.log");
  return text.ok() ? text.value() : text.error().message;
}

std::filesystem::path ControlProcess::write(const std::string& name,
                                            const std::string& content) const {
  const std::filesystem::path path = folder_.path() / name;
  EXPECT_TRUE(create_folders(path.parent_path()).ok());
  EXPECT_TRUE(write_file_atomically(path, content).ok());
  return path;
}

}  // namespace isopop::control::test
