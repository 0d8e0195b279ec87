#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/geo/geo_point.h"
#include "common/result/result.h"
#include "common/time/clock.h"
#include "sim/report/kv_totals.h"
#include "sim/rpc/control_access.h"

namespace isopop::sim {

// What the control plane knows of its network, in plain values: the seam behind which gRPC stays.
struct ControlStatus {
  std::string program_version;
  WallTime started_at;
  std::uint64_t workers = 0;
  std::uint64_t pops_ready = 0;
  std::uint64_t pops_starting = 0;
  std::uint64_t pops_down = 0;
  std::vector<std::string> router_addresses;  // of connected routers
};

enum class PopCondition { kStarting, kReady, kDown };

// One thing that a PoP's executors are confined by, or are not and why.
struct SandboxMeasure {
  std::string name;
  bool active = false;
  std::string detail;
};

struct PopReport {
  std::string id;
  std::string city;
  std::string country;  // ISO 3166-1 alpha-2
  GeoPoint place;
  PopCondition condition = PopCondition::kDown;
  std::string http_address;
  std::uint32_t executors = 0;
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
  std::vector<SandboxMeasure> sandbox;  // empty: not told yet
  WallTime last_heartbeat;              // by the control plane's clock
  KvTotals kv;                          // since the PoP started, as of its last heartbeat
};

// Asks one control plane. Blocking, each call with a deadline; UNAVAILABLE when nobody answers,
// UNAUTHENTICATED when TLS or the token is why. Thread-safe.
class ControlClient {
 public:
  // Never blocks; connects with the first call, and again when the connection is lost.
  // Its TLS files have been checked (check_tls_files).
  explicit ControlClient(const std::string& address, ControlAccess access = {});
  ~ControlClient();
  ControlClient(const ControlClient&) = delete;
  ControlClient& operator=(const ControlClient&) = delete;

  [[nodiscard]] Result<ControlStatus> status(std::chrono::milliseconds timeout) const;
  // By id.
  [[nodiscard]] Result<std::vector<PopReport>> pops(std::chrono::milliseconds timeout) const;

 private:
  struct Connection;
  std::unique_ptr<const Connection> connection_;
};

}  // namespace isopop::sim
