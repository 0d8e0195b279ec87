#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/time/clock.h"
#include "router/policy/pop_table.h"

namespace isopop::router {

// One message of the control plane's about PoPs.
struct PopsChange {
  std::vector<Pop> pops;  // new or changed
  bool snapshot = false;  // the list is complete
};

// The list of PoPs as the router believes it, made from the control plane's messages. A control
// plane that has just started knows few PoPs until all have found it again; so after a reconnection
// PoPs that were ready stay so for a grace time, unless the new control plane speaks of them after
// its first snapshot. A core: time comes in as an argument. Single-threaded.
class PopDirectory {
 public:
  explicit PopDirectory(std::chrono::milliseconds grace) : grace_(grace) {}

  void apply(const PopsChange& change, Instant now);
  // Takes back what the grace time of the last snapshot kept, once that time is over; true if
  // anything changed.
  bool expire(Instant now);
  // When expire() has something to do; nothing if never.
  [[nodiscard]] std::optional<Instant> expires_at() const;

  // By id.
  [[nodiscard]] std::vector<Pop> pops() const;
  [[nodiscard]] std::size_t size() const { return pops_.size(); }

 private:
  // What the last snapshot says of a PoP that is kept as it was: its new state, or nothing if it is
  // not listed.
  using Kept = std::optional<Pop>;

  std::chrono::milliseconds grace_;
  std::map<std::string, Pop> pops_;
  std::map<std::string, Kept> kept_;
  Instant kept_until_;
};

}  // namespace isopop::router
