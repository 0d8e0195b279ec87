#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/worker.pb.h"
#include "pop_node/worker/route_index.h"

namespace isopop::pop {

// One worker version as this PoP runs it: the version as it was pushed, with the PoP's defaults put
// in where it left a choice. Immutable; a request holds on to the one it began with, so that a
// newer version never changes under it.
struct LiveWorker {
  v1::WorkerVersion version;
  std::vector<v1::Secret> secrets;  // what it gets in `env` besides its variables; never logged
  v1::Isolation isolation = v1::ISOLATION_PRISTINE;  // never unspecified
  v1::WorkerLimits limits;                           // no zero
  std::vector<RoutePattern> routes;                  // its own and NAME.isopop.test/*
};
using LiveWorkerPtr = std::shared_ptr<const LiveWorker>;

// What a PoP puts in where a version says nothing.
struct WorkerDefaults {
  v1::Isolation isolation = v1::ISOLATION_PRISTINE;
  std::uint32_t cpu_ms = 50;
  std::uint32_t wall_ms = 30'000;
  std::uint32_t top_level_cpu_ms = 400;
  std::uint32_t heap_mib = 128;
  std::uint32_t memory_mib = 256;  // at least twice the worker's heap
  std::uint32_t subrequests = 50;
  std::uint32_t log_kib = 256;
  std::uint64_t script_bytes = 10ULL * 1024 * 1024;
  std::uint64_t request_body_bytes = 100ULL * 1024 * 1024;
};

// The largest bundle a PoP takes: what one Load frame can carry, less its other fields.
inline constexpr std::uint64_t kBundleBytesMax = 63ULL * 1024 * 1024;

// "pristine", "fresh", "warm", "container"; "" for any other.
[[nodiscard]] std::string_view isolation_name(v1::Isolation isolation);
[[nodiscard]] Result<v1::Isolation> parse_isolation(std::string_view name);

// Whether one executor may have several requests in flight: only warm ones do.
[[nodiscard]] bool shares_environment(v1::Isolation isolation);

// What `version` becomes here, or why this PoP cannot run it.
[[nodiscard]] Result<LiveWorkerPtr> resolve_worker(const v1::WorkerVersion& version,
                                                   const WorkerDefaults& defaults);

// Whether `bytes` are the bundle that the worker's version names, whole and within its script size:
// size, SHA-256, form, main module.
[[nodiscard]] Result<void> check_bundle(const LiveWorker& worker, std::string_view bytes);

// 64 lower-case hexadecimal digits; nothing else may become a file name.
[[nodiscard]] bool is_sha256_hex(std::string_view text);
// 1 to 63 of a-z, 0-9, '-', '_', beginning with a letter or digit; nothing else may become a file
// name.
[[nodiscard]] bool is_worker_name(std::string_view text);

}  // namespace isopop::pop
