#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "common/metrics/latency_buckets.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::pop {

// What the requests of each version came to since the last heartbeat, which takes it along: the
// control plane judges rollouts by it. Pure. Holds as many entries as versions had requests; lives
// on the PoP's event loop.
class VersionFigures {
 public:
  struct Request {
    unsigned status = 0;  // 0: the client was gone
    std::chrono::nanoseconds latency{};
    bool is_cold = false;
  };
  void count(const v1::WorkerVersion& version, const Request& request);
  void count_cpu(const v1::WorkerVersion& version, std::uint32_t cpu_us);
  void count_crash(const v1::WorkerVersion& version);

  // Moves all of it into the heartbeat.
  void take(v1::Heartbeat& heartbeat);

 private:
  struct Figures {
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;
    std::uint64_t crashes = 0;
    std::uint64_t cpu_us = 0;
    std::uint64_t cold_starts = 0;
    LatencyBuckets latency;
  };
  Figures& of(const v1::WorkerVersion& version);

  std::map<std::pair<std::string, std::uint64_t>, Figures> figures_;
};

}  // namespace isopop::pop
