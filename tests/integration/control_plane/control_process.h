#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/process/child.h"
#include "tests/support/command.h"

namespace isopop::control::test {

// An isopop-control of the build on a state folder of its own, addresses chosen by the kernel, and
// popctl aimed at it. Ends with the object.
class ControlProcess final {
 public:
  ControlProcess();

  // Starts it and waits until it listens; the second time on the same state. Without --pki or
  // --tls-cert it is --insecure.
  void start(const std::vector<std::string>& more_arguments = {});
  // Signals and waits; how it ended.
  ExitStatus stop(int signal);
  [[nodiscard]] pid_t pid() const { return child_->pid(); }
  [[nodiscard]] bool is_running() { return child_ && !child_->poll_exit(); }

  [[nodiscard]] isopop::test::CommandOutcome popctl(std::vector<std::string> arguments) const;
  // Writes files and deploys them as worker `name`.
  [[nodiscard]] isopop::test::CommandOutcome deploy(const std::string& name,
                                                    const std::string& code,
                                                    std::vector<std::string> more = {}) const;

  [[nodiscard]] std::filesystem::path state() const { return folder_.path() / "state"; }
  [[nodiscard]] std::filesystem::path folder() const { return folder_.path(); }
  // The gRPC address it wrote.
  [[nodiscard]] std::string endpoint() const;
  [[nodiscard]] std::string log() const;
  [[nodiscard]] std::filesystem::path write(const std::string& name,
                                            const std::string& content) const;

 private:
  TempFolder folder_;
  std::optional<Child> child_;
};

}  // namespace isopop::control::test
