#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "tests/bench/executor/process_figures.h"
#include "tests/integration/pop_node/pop_process.h"
#include "tests/integration/pop_node/test_control_plane.h"

namespace isopop::test {

// A worker as it is put on a PoP. It answers at NAME.example.
struct DeployedWorker {
  std::string name;
  std::string source;
  v1::Isolation isolation = v1::ISOLATION_PRISTINE;
};

// A real isopop-pop with its zygote and executors, as people run it, and a control plane for it.
class BenchPop final {
 public:
  // It serves all these workers when this returns. `arguments` are added to its command line.
  [[nodiscard]] static Result<std::unique_ptr<BenchPop>> start(
      const std::vector<DeployedWorker>& workers, std::vector<std::string> arguments = {});

  [[nodiscard]] const pop::PopProcess& process() const { return *pop_; }
  [[nodiscard]] const std::string& address() const { return pop_->address(); }
  // Of the PoP, its zygote and all executors there have been.
  [[nodiscard]] double processor_time_us() const;
  // Of all processes there are, and their pids.
  [[nodiscard]] ProcessMemory memory() const;
  [[nodiscard]] std::vector<pid_t> processes() const;

 private:
  BenchPop() = default;

  pop::TestControlPlane control_;
  std::optional<pop::PopProcess> pop_;
  pid_t pid_ = -1;
};

// Requests on one kept-alive connection, each timed from its first byte to the answer's last.
class TimedClient final {
 public:
  TimedClient(const std::string& address, const Clock& clock) : client_(address), clock_(clock) {}

  struct Reply {
    double ms = 0;
    pop::RawResponse response;
  };
  // A GET of the worker's "/". An error when there is no whole answer; any status is one.
  [[nodiscard]] Result<Reply> get(const std::string& worker);

 private:
  pop::RawClient client_;
  const Clock& clock_;
};

}  // namespace isopop::test
