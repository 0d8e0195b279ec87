#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/event_loop/advertised_address.h"
#include "common/event_loop/asio.h"
#include "common/result/result.h"
#include "common/rpc/tls_files.h"
#include "common/time/clock.h"
#include "pop_node/rpc/distribution_session.h"
#include "pop_node/rpc/reconnect_delay.h"

namespace isopop::pop {

struct DistributionClientOptions {
  std::string control_address;
  rpc::TlsFiles tls;
  DistributionSession::Description description;  // its address is filled in from `address`
  AdvertisedAddress address;
  // Of a modelled line to the control plane: messages take half of it each way, and a connection
  // twice as long to be made (TCP and TLS 1.3 shake hands once each).
  std::chrono::nanoseconds round_trip{};
  std::chrono::milliseconds heartbeat_period{1'000};
  ReconnectDelay::Bounds reconnect;
  std::chrono::milliseconds refused_backoff{15'000};
  // A bundle that was asked for and does not come ends the stream.
  std::chrono::milliseconds fetch_timeout{30'000};
};

// What the stream brings and takes besides workers. Called on the event loop; all of them are set.
struct DistributionPorts {
  // Each time with all that is known; what does not change is sent once a stream. Called when the
  // heartbeat is sent and not otherwise, so what it counts since the last one may be reset.
  std::function<v1::Heartbeat()> heartbeat;
  // Is to start an executor with each of the versions and to say, later, what came of it.
  std::function<void(std::vector<LiveWorkerPtr>, std::function<void(Result<void>)>)> try_versions;
  std::function<void(const v1::TailStart&)> start_tail;
  std::function<void(std::uint64_t id)> stop_tail;
  std::function<bool()> has_tails;
  // What they have seen since they were asked last: four times a second while there are any.
  std::function<std::vector<v1::TailEvents>()> tail_events;
  std::function<void(const v1::Outage&)> outage;
  std::function<void(const v1::KvInvalidations&)> kv_invalidations;
  // The control plane knows this PoP from now on: what it said before, another stream has missed.
  std::function<void()> stream_began;
  // No message comes any more until there is another stream; tails have ended.
  std::function<void()> stream_ended;
};

// Keeps a Distribution stream to the control plane for ever: opens it, runs a DistributionSession
// over it, beats, and opens it anew with jittered back-off when it ends. gRPC's completion queue is
// served by one thread that only posts to the event loop; everything else lives on the event loop.
class DistributionClient final {
 public:
  DistributionClient(asio::io_context& io, const Clock& clock, WorkerCatalog& catalog,
                     DistributionClientOptions options, DistributionPorts ports);
  // Ends the stream at once.
  ~DistributionClient();
  DistributionClient(const DistributionClient&) = delete;
  DistributionClient& operator=(const DistributionClient&) = delete;

  void start();

  // Some stream was complete once: the PoP has all workers that there were then.
  [[nodiscard]] bool was_complete() const;
  [[nodiscard]] bool is_connected() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace isopop::pop
