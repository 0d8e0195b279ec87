#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "common/time/clock.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::pop {

// Whether people who tail with this filter want to see the event. Sampling keeps a request by the
// hash of its ray id, so that it does not depend on what else is asked for. Pure.
[[nodiscard]] bool passes(const v1::TailFilter& filter, const v1::TailEvent& event);

// The tails that are on at this PoP: what passes their filters is kept until it is sent, within
// bounds; what is beyond them is counted and not kept. Pure; lives on the PoP's event loop.
class Tails {
 public:
  // Of each tail.
  static constexpr std::size_t kEventsPerSecondMax = 100;
  static constexpr std::size_t kBytesPerSecondMax = 256 * 1024;
  static constexpr std::size_t kWaitingMax = 200;  // events that are not sent yet
  // More than these are not begun.
  static constexpr std::size_t kTailsMax = 64;

  void start(const v1::TailStart& tail);
  void stop(std::uint64_t id) { tails_.erase(id); }
  void stop_all() { tails_.clear(); }

  [[nodiscard]] bool any() const { return !tails_.empty(); }
  // Whether anybody asks for this worker's requests at all.
  [[nodiscard]] bool want(std::string_view worker) const;
  void offer(const v1::TailEvent& event, Instant now);
  // What is to be sent now; nothing of a tail that has neither seen nor dropped anything.
  [[nodiscard]] std::vector<v1::TailEvents> take();

 private:
  struct Tail {
    v1::TailStart asked;
    v1::TailEvents waiting;
    Instant second_began{};
    std::size_t events_this_second = 0;
    std::size_t bytes_this_second = 0;
  };

  std::map<std::uint64_t, Tail> tails_;
};

}  // namespace isopop::pop
