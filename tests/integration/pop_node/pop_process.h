#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/process/child.h"
#include "tests/integration/pop_node/raw_client.h"
#include "tests/integration/pop_node/test_control_plane.h"

namespace isopop::pop {

struct PopProcessOptions {
  std::string id = "AMS";
  std::filesystem::path executor;  // empty: the real one
  std::vector<std::string> arguments;
  int spare_executors = 0;    // so that executors() are those of workers
  std::string zygote_script;  // of the scripted one: how its first zygote misbehaves
};

// A real isopop-pop in a state folder of its own, with the test as its control plane. Ends with the
// object.
class PopProcess final {
 public:
  explicit PopProcess(const std::string& control_address, PopProcessOptions options = {});

  // Its HTTP address; "" when it did not start.
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] Child& child() { return *child_; }
  [[nodiscard]] std::string log() const;
  [[nodiscard]] std::filesystem::path state() const { return folder_.path() / "state"; }
  // The metric's value; 0 when it is not there yet. `name` with labels as they are printed.
  [[nodiscard]] double metric(const std::string& name) const;
  // Pids of its executors; of its zygote; of all.
  [[nodiscard]] std::vector<pid_t> executors() const;
  [[nodiscard]] std::optional<pid_t> zygote() const;
  [[nodiscard]] std::vector<pid_t> processes() const;
  // Ends it with a signal; starts it anew with the same state.
  [[nodiscard]] std::optional<ExitStatus> stop(int signal);
  void start();

 private:
  [[nodiscard]] bool is_own_child(pid_t pid) const;

  std::string control_address_;
  PopProcessOptions options_;
  TempFolder folder_;
  std::optional<Child> child_;
  std::string address_;
  int starts_ = 0;
};

// The misbehaving one of scripted_executor.cc.
[[nodiscard]] std::filesystem::path scripted_executor();

}  // namespace isopop::pop
