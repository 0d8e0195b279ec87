#pragma once

#include <chrono>
#include <thread>

namespace isopop::test {

// Polls until the condition holds; false when it did not within the deadline. The one place in the
// tests that sleeps, and never as a way of synchronising: a test asks for what it waits for.
template <typename Condition>
[[nodiscard]] bool wait_until(Condition&& condition,
                              std::chrono::milliseconds deadline = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (true) {
    if (condition()) return true;
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace isopop::test
