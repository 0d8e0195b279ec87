#pragma once

#include <memory>
#include <optional>

#include "common/result/result.h"
#include "pop_node/executor/channel.h"
#include "pop_node/executor/cpu_watchdog.h"
#include "pop_node/executor/frames.h"
#include "pop_node/executor/groundwork.h"
#include "pop_node/executor/isolation.h"
#include "pop_node/executor/last_words.h"
#include "pop_node/executor/traffic.h"

namespace isopop::executor {

// The executor at work: takes frames from its PoP, gives them to the isolation strategy, runs
// timers when they are due, sends what came of it. When the isolation strategy is spent, takes the
// process's memory, this object's too, back to the checkpoint. One thread, one descriptor.
class EventLoop {
 public:
  // Everything outlives the loop.
  struct Parts {
    Channel& channel;
    Groundwork& groundwork;
    CpuWatchdog& watchdog;
    LastWords& last_words;
  };

  explicit EventLoop(const Parts& parts);

  // Until the PoP closes the connection or says Shutdown, or a limit ends the process. The exit
  // code; an error when the connection or the PoP's frames are broken.
  [[nodiscard]] Result<int> run();

 private:
  [[nodiscard]] Result<bool> wait();
  [[nodiscard]] Result<void> take_frames();
  [[nodiscard]] Result<void> take(InboundFrame frame);
  [[nodiscard]] Result<void> load(LoadFrame frame);
  [[nodiscard]] std::optional<WorkerFault> prepare_checkpoint();
  [[nodiscard]] Result<void> seal();
  [[nodiscard]] checkpoint::Checkpoint::Point take_checkpoint(LoadTimes& times);
  [[nodiscard]] Result<void> start(RequestFrame frame);
  void proceed();

  Parts parts_;
  const Clock& clock_;
  Traffic traffic_;
  Surroundings surroundings_;
  std::optional<LoadFrame> worker_;
  std::unique_ptr<IsolationStrategy> isolation_;
  checkpoint::Checkpoint* checkpoint_ = nullptr;  // pristine
  bool stopping_ = false;  // Shutdown was said: no new requests, the end when none is left
  std::optional<int> exit_code_;
};

}  // namespace isopop::executor
