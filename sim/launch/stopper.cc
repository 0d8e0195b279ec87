#include "sim/launch/stopper.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <vector>

#include "sim/launch/process_table.h"

namespace isopop::sim {
namespace {

// Waits until all have ended or the deadline has passed; returns how many still run.
std::size_t wait_for_end(const std::vector<RunningProcess>& processes, Instant deadline,
                         const Clock& clock, const std::function<void(std::size_t)>& on_ended) {
  std::vector<pollfd> waited;
  waited.reserve(processes.size());
  for (const RunningProcess& process : processes) {
    waited.push_back({.fd = process.pid_fd.get(), .events = POLLIN, .revents = 0});
  }
  while (!waited.empty()) {
    const Instant now = clock.now();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
    // A pidfd is readable once its process has ended.
    ::poll(waited.data(), waited.size(), static_cast<int>(std::max<long>(left.count(), 0)));
    std::erase_if(waited, [](const pollfd& entry) { return entry.revents != 0; });
    on_ended(processes.size() - waited.size());
    if (now >= deadline) break;
  }
  return waited.size();
}

// The router first, so that no new requests come; the control plane last.
int stopping_rank(Program program) {
  switch (program) {
    case Program::kRouter:
      return 0;
    case Program::kPop:
      return 1;
    case Program::kControl:
      return 2;
    case Program::kExecutor:
      return 3;
  }
  return 4;
}

Result<void> signal_all(const std::vector<RunningProcess>& processes, int signal) {
  for (const RunningProcess& process : processes) {
    ISOPOP_TRY(process.send_signal(signal).with_context("stop the network"));
  }
  return {};
}

std::vector<RunningProcess> take_executors(std::vector<RunningProcess>& processes) {
  const auto first = std::stable_partition(
      processes.begin(), processes.end(),
      [](const RunningProcess& process) { return process.program != Program::kExecutor; });
  std::vector<RunningProcess> executors;
  std::move(first, processes.end(), std::back_inserter(executors));
  processes.erase(first, processes.end());
  return executors;
}

}  // namespace

Result<StopOutcome> stop_network(const StateFolder& state, const StopOptions& options,
                                 const Clock& clock) {
  StopOutcome outcome;
  ISOPOP_TRY_ASSIGN(std::vector<RunningProcess> processes, find_processes(state.path()));
  // Executors die with their PoP; only what is left of them afterwards is ended here.
  const std::size_t total = processes.size();
  const std::size_t executors = take_executors(processes).size();
  outcome.stopped = total;
  options.on_progress(0, total);

  std::stable_sort(processes.begin(), processes.end(),
                   [](const RunningProcess& a, const RunningProcess& b) {
                     return stopping_rank(a.program) < stopping_rank(b.program);
                   });
  ISOPOP_TRY(signal_all(processes, SIGTERM));
  const auto report = [&options, total, executors](std::size_t ended) {
    options.on_progress(ended == total - executors ? total : ended, total);
  };
  const Instant deadline =
      clock.now() + options.drain + options.drain_per_process * static_cast<long>(processes.size());
  outcome.killed = wait_for_end(processes, deadline, clock, report);

  // What is left: too slow, started meanwhile, or without its parent.
  constexpr int kRoundsMax = 10;
  constexpr std::chrono::milliseconds kKillWait{2'000};
  for (int round = 0; round < kRoundsMax; ++round) {
    ISOPOP_TRY_ASSIGN(const std::vector<RunningProcess> left, find_processes(state.path()));
    if (left.empty()) return outcome;
    ISOPOP_TRY(signal_all(left, SIGKILL));
    wait_for_end(left, clock.now() + kKillWait, clock, [](std::size_t) {});
  }
  return internal_error(
      fmt::format("processes with `--state {}` do not end even by SIGKILL", state.path().string()));
}

}  // namespace isopop::sim
