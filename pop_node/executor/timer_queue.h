#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/time/clock.h"

namespace isopop::executor {

// The timers of one isolate, in the order in which they are due; those due at the same moment in
// the order in which they were set. Each belongs to the request that set it and goes with it. Pure:
// it starts nothing and reads no clock.
class TimerQueue {
 public:
  static constexpr std::size_t kTimersMax = 10'000;
  // What a signed 32-bit number of milliseconds can say, as in browsers; longer waits become this.
  static constexpr std::chrono::milliseconds kDelayMax{0x7FFFFFFF};

  enum class Kind { kOnce, kRepeating };
  struct Timer {
    std::uint32_t id = 0;
    std::uint32_t request = 0;
  };

  // The new timer's id, from 1; nullopt when there are kTimersMax already.
  std::optional<std::uint32_t> start(std::uint32_t request, Instant now,
                                     std::chrono::milliseconds delay, Kind kind);
  void stop(std::uint32_t id);
  // Stops all of a request; their ids.
  std::vector<std::uint32_t> stop_all_of(std::uint32_t request);

  [[nodiscard]] bool empty() const { return due_.empty(); }
  [[nodiscard]] std::optional<Instant> next_due() const;

  // The next timer that is due. A repeating one is set anew, counted from now.
  std::optional<Timer> take_due(Instant now);

 private:
  struct Entry {
    std::uint32_t request = 0;
    Instant due{};
    std::uint64_t sequence = 0;
    std::chrono::milliseconds interval{};
    Kind kind = Kind::kOnce;
  };
  void enqueue(std::uint32_t id, Entry& entry, Instant due);

  std::map<std::uint32_t, Entry> timers_;
  std::map<std::pair<Instant, std::uint64_t>, std::uint32_t> due_;
  std::uint32_t last_id_ = 0;
  std::uint64_t last_sequence_ = 0;
};

}  // namespace isopop::executor
