#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/files/files.h"
#include "common/result/result.h"
#include "pop_node/executor/zygote_messages.h"

namespace isopop::executor {

// The process whose children are the executors of one PoP. It has V8 and an environment ready and
// never runs a worker's code; a new executor is a fork of it, with all of that in its memory. The
// wire is isopop.v1.ZygoteMessage. Lives on one thread.
class Zygote {
 public:
  // `descriptor` is the socket to the PoP.
  [[nodiscard]] static Result<Zygote> open(int descriptor);

  [[nodiscard]] Result<void> say_ready(const ZygoteReady& ready);

  // Serves the PoP until it closes the socket: then nullopt. Returns in each child too, with the
  // socket on which the child is to serve its worker.
  [[nodiscard]] Result<std::optional<int>> run();

 private:
  Zygote(int descriptor, UniqueFd child_ended)
      : descriptor_(descriptor), child_ended_(std::move(child_ended)) {}

  [[nodiscard]] Result<void> send(std::string_view message, int with_descriptor);
  [[nodiscard]] Result<std::optional<int>> take_order(bool& closed);
  void become_child();
  [[nodiscard]] Result<void> report_ended();

  int descriptor_;
  UniqueFd child_ended_;  // a signalfd
  std::map<pid_t, std::uint64_t> tokens_;
};

}  // namespace isopop::executor
