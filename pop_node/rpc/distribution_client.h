#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/event_loop/advertised_address.h"
#include "common/event_loop/asio.h"
#include "common/result/result.h"
#include "common/rpc/tls_files.h"
#include "common/time/clock.h"
#include "pop_node/rpc/distribution_session.h"

namespace isopop::pop {

struct DistributionClientOptions {
  std::string control_address;
  rpc::TlsFiles tls;
  DistributionSession::Description description;  // its address is filled in from `address`
  AdvertisedAddress address;
  std::chrono::milliseconds heartbeat_period{1'000};
  // Between streams; doubled up to the bound, with full jitter. 330 PoPs come back at once.
  std::chrono::milliseconds backoff_min{200};
  std::chrono::milliseconds backoff_max{5'000};
  std::chrono::milliseconds refused_backoff{15'000};
  // A bundle that was asked for and does not come ends the stream.
  std::chrono::milliseconds fetch_timeout{30'000};
};

// Keeps a Distribution stream to the control plane for ever: opens it, runs a DistributionSession
// over it, beats, and opens it anew with jittered back-off when it ends. gRPC's completion queue is
// served by one thread that only posts to the event loop; everything else lives on the event loop.
class DistributionClient final {
 public:
  // Each time with all that is known; what does not change is sent once a stream.
  using HeartbeatSource = std::function<v1::Heartbeat()>;

  DistributionClient(asio::io_context& io, const Clock& clock, WorkerCatalog& catalog,
                     DistributionClientOptions options, HeartbeatSource heartbeat);
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
