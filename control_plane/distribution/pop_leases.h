#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <set>
#include <string>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

struct PopLeaseLimits {
  // An id stays with its holder this long after it was given, and after its PoP was connected last:
  // longer than a PoP takes to start, or to come back from a lost connection.
  std::chrono::nanoseconds hold = std::chrono::seconds(60);
  // After a start nothing is given for as long as PoPs that are there take to come back (5 s at
  // most): the list of those that were connected may be older than they are, or lost.
  std::chrono::nanoseconds settle = std::chrono::seconds(6);
  std::size_t leases_max = 10'000;
};

// Which process may be which PoP, for those that ask. An id is held while its PoP is connected and
// for a while after, whoever the PoP is, so that no two processes are given one. A holder is a host
// and an instance on it: a process that asks again gets its id again, and so does a new process on
// a host whose one PoP went away (a container that was started again keeps its id). Leases are
// forgotten with the process; the PoPs that were connected are told again, with their hosts. Not
// thread-safe: lives on the control loop.
class PopLeases final {
 public:
  explicit PopLeases(const Clock& clock, PopLeaseLimits limits = {})
      : clock_(clock), limits_(limits), settled_at_(clock.now() + limits.settle) {}

  // What happens to PoPs; every time is fine, changes are what counts. A PoP that connects from
  // another host than the holder's is not the holder's.
  void set_connected(const std::string& id, const std::string& host);
  void set_disconnected(const std::string& id);
  // Connected before a restart of the control plane: they will be back.
  void expect(const std::set<std::string>& ids);

  // The id; UNAVAILABLE so soon after the start, RESOURCE_EXHAUSTED when none is free,
  // INVALID_ARGUMENT for a request that makes no sense.
  [[nodiscard]] Result<std::string> lease(const v1::LeasePopRequest& request);

 private:
  struct Lease {
    std::string host;      // empty: not known
    std::string instance;  // empty: nobody leased it, or it is forgotten
    bool is_connected = false;
    bool was_connected = false;  // since it was given
    Instant held_until{};        // when it is not connected
  };

  [[nodiscard]] std::string give(const std::string& id, const v1::LeasePopRequest& request);
  void forget_expired();

  const Clock& clock_;
  PopLeaseLimits limits_;
  Instant settled_at_;
  std::map<std::string, Lease> leases_;
};

}  // namespace isopop::control
