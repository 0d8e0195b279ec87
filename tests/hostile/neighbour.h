#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/pop_node/test_control_plane.h"

namespace isopop::hostile {

// The well-behaved worker beside the hostile one in the same PoP, and a client of it that asks
// without a pause, from a thread and a connection of its own, and checks every answer. Thread-safe.
class Neighbour final {
 public:
  explicit Neighbour(const std::string& pop_address);
  ~Neighbour();
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

  [[nodiscard]] static pop::TestWorker worker(v1::Isolation isolation);
  // What the worker keeps in its memory, for others to look for.
  [[nodiscard]] static std::string secret() { return "the neighbour's secret 5eb63bbbe01eeed0"; }

  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  // Waits until it has had so many more right answers; false when one was wrong, or at a deadline.
  [[nodiscard]] bool is_served(std::uint64_t more) const;
  // Ends the thread. What was wrong, one line for each wrong answer; empty: nothing.
  [[nodiscard]] std::string stop();

 private:
  void ask_without_pause(const std::string& address);
  void complain(const std::string& line);

  std::atomic<std::uint64_t> answered_ = 0;
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> wronged_ = false;
  std::mutex mutex_;
  std::string complaints_;
  std::thread thread_;
};

}  // namespace isopop::hostile
