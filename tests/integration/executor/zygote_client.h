#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/process/child.h"
#include "isopop/v1/executor.pb.h"
#include "tests/integration/executor/executor_client.h"

namespace isopop::test {

// The PoP's end of the wire to a real zygote (isopop-executor --zygote), for tests. Waits have
// deadlines; what does not come fails the test.
class ZygoteClient final {
 public:
  // Waits until it is ready.
  [[nodiscard]] static ZygoteClient start(std::vector<std::string> arguments = {});
  // One that may have no more descriptors open than this.
  [[nodiscard]] static ZygoteClient start_with_descriptors(std::size_t most);

  [[nodiscard]] const v1::ZygoteReady& ready() const { return ready_; }

  struct Executor {
    std::uint64_t token = 0;
    pid_t pid = -1;
    UniqueFd pidfd;
    ExecutorClient client;
  };
  // Orders a fork and waits until it is there.
  [[nodiscard]] Executor fork();
  // Orders one that fails; why it does.
  [[nodiscard]] std::string fail_to_fork();
  // Only orders it: the executor answers when it is there.
  [[nodiscard]] ExecutorClient order_fork();
  // What Fork takes, but anything may be sent.
  void send_raw(const std::string& packet, int descriptor);

  // How this child ended.
  [[nodiscard]] std::optional<v1::Exited> wait_exited(std::uint64_t token);

  void close() { socket_ = UniqueFd(); }
  [[nodiscard]] std::optional<ExitStatus> wait_exit();
  [[nodiscard]] pid_t pid() const { return child_.pid(); }

 private:
  ZygoteClient(UniqueFd socket, Child child)
      : socket_(std::move(socket)), child_(std::move(child)) {}

  [[nodiscard]] static ZygoteClient start_program(const std::string& program,
                                                  std::vector<std::string> arguments);

  struct Received {
    v1::ZygoteMessage message;
    UniqueFd descriptor;
  };
  [[nodiscard]] std::optional<Received> receive();

  UniqueFd socket_;
  Child child_;
  v1::ZygoteReady ready_;
  std::uint64_t last_token_ = 0;
  std::map<std::uint64_t, v1::Exited> exited_;
};

}  // namespace isopop::test
