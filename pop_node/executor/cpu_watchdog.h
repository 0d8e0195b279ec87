#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/result/result.h"
#include "pop_node/executor/last_words.h"

namespace v8 {
class Isolate;
}

namespace isopop::executor {

// Stops JavaScript that has used up its CPU time. The idea: a POSIX timer on this thread's CPU
// clock ticks every few milliseconds of CPU time (an idle process has no ticks), and its signal
// handler compares the clock with a deadline. Arming is therefore two stores and one clock reading,
// no timer system call. At the deadline V8 is asked to interrupt the code, which tells where it
// was; if it has still not stopped kGrace later (inside one long native operation), the process
// says its last words. One per process, because a signal handler is. Lives on one thread.
class CpuWatchdog {
 public:
  struct Place {
    std::string module;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::string stack;
  };

  // `last_words` outlives this object.
  [[nodiscard]] static Result<std::unique_ptr<CpuWatchdog>> create(const LastWords& last_words);
  ~CpuWatchdog();
  CpuWatchdog(const CpuWatchdog&) = delete;
  CpuWatchdog& operator=(const CpuWatchdog&) = delete;

  // The code that runs now in this isolate may use so much.
  void arm(v8::Isolate* isolate, std::chrono::nanoseconds budget);
  // CPU time since arm().
  std::chrono::nanoseconds disarm();

  // Since the last arm(): the code was stopped.
  [[nodiscard]] bool fired() const;
  // Where it was stopped, as far as V8 could tell.
  [[nodiscard]] const std::optional<Place>& place() const;

  static constexpr std::chrono::milliseconds kTick{4};
  static constexpr std::chrono::milliseconds kGrace{1000};

 private:
  explicit CpuWatchdog(void* timer) : timer_(timer) {}

  void* timer_;  // a timer_t
  std::int64_t armed_at_ns_ = 0;
};

}  // namespace isopop::executor
