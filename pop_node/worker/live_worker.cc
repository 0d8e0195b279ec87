#include "pop_node/worker/live_worker.h"

#include <algorithm>

#include "common/hash/hash.h"
#include "common/text/text.h"
#include "pop_node/worker/bundle_form.h"

namespace isopop::pop {
namespace {

template <typename T>
T value_or(T value, T fallback) {
  return value == 0 ? fallback : value;
}

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string_view isolation_name(v1::Isolation isolation) {
  switch (isolation) {
    case v1::ISOLATION_PRISTINE:
      return "pristine";
    case v1::ISOLATION_FRESH:
      return "fresh";
    case v1::ISOLATION_WARM:
      return "warm";
    case v1::ISOLATION_CONTAINER:
      return "container";
    default:
      return "";
  }
}

Result<v1::Isolation> parse_isolation(std::string_view name) {
  for (const v1::Isolation mode :
       {v1::ISOLATION_PRISTINE, v1::ISOLATION_FRESH, v1::ISOLATION_WARM, v1::ISOLATION_CONTAINER}) {
    if (name == isolation_name(mode)) return mode;
  }
  return invalid_argument("no isolation mode is called '" + std::string(name) +
                          "': there are pristine, fresh, warm and container");
}

bool shares_environment(v1::Isolation isolation) {
  return isolation == v1::ISOLATION_WARM;
}

Result<LiveWorkerPtr> resolve_worker(const v1::WorkerVersion& version,
                                     const WorkerDefaults& defaults) {
  if (!is_worker_name(version.worker())) {
    return invalid_argument("'" + std::string(truncate_utf8(version.worker(), 80)) +
                            "' is not a worker's name");
  }
  const auto bad = [&version](std::string_view why) {
    return Error{ErrorCode::kFailedPrecondition, "worker " + version.worker() + " version " +
                                                     std::to_string(version.number()) + ": " +
                                                     std::string(why)};
  };
  if (version.number() == 0) return bad("versions count from 1");
  if (!is_sha256_hex(version.bundle_sha256())) return bad("its bundle's SHA-256 is malformed");
  if (version.bundle_bytes() == 0 || version.bundle_bytes() > kBundleBytesMax) {
    return bad("a bundle of " + std::to_string(version.bundle_bytes()) + " bytes; 1 to " +
               std::to_string(kBundleBytesMax) + " can be run");
  }

  auto worker = std::make_shared<LiveWorker>();
  worker->version = version;
  worker->isolation = version.settings().isolation();
  if (worker->isolation == v1::ISOLATION_UNSPECIFIED) worker->isolation = defaults.isolation;
  if (isolation_name(worker->isolation).empty()) {
    return Error{ErrorCode::kUnimplemented,
                 "isolation mode " + std::to_string(worker->isolation) +
                     " is not known to this PoP; it serves pristine, fresh, warm and container"};
  }
  const v1::WorkerLimits& asked = version.settings().limits();
  worker->limits.set_cpu_ms(value_or(asked.cpu_ms(), defaults.cpu_ms));
  worker->limits.set_wall_ms(value_or(asked.wall_ms(), defaults.wall_ms));
  worker->limits.set_top_level_cpu_ms(
      value_or(asked.top_level_cpu_ms(), defaults.top_level_cpu_ms));
  worker->limits.set_heap_mib(value_or(asked.heap_mib(), defaults.heap_mib));
  // A worker that asked for more heap and nothing else is not held back by a bound it did not see.
  worker->limits.set_memory_mib(
      value_or(asked.memory_mib(), std::max(defaults.memory_mib, 2 * worker->limits.heap_mib())));
  worker->limits.set_subrequests(value_or(asked.subrequests(), defaults.subrequests));
  worker->limits.set_log_kib(value_or(asked.log_kib(), defaults.log_kib));
  worker->limits.set_script_bytes(
      value_or<std::uint64_t>(asked.script_bytes(), defaults.script_bytes));
  worker->limits.set_request_body_bytes(
      value_or<std::uint64_t>(asked.request_body_bytes(), defaults.request_body_bytes));

  for (const std::string& text : version.routes()) {
    ISOPOP_TRY_ASSIGN(RoutePattern pattern, parse_route(text));
    worker->routes.push_back(std::move(pattern));
  }
  ISOPOP_TRY_ASSIGN(RoutePattern own, parse_route(version.worker() + ".isopop.test/*"));
  worker->routes.push_back(std::move(own));
  return LiveWorkerPtr(std::move(worker));
}

Result<void> check_bundle(const LiveWorker& worker, std::string_view bytes) {
  const v1::WorkerVersion& version = worker.version;
  if (bytes.size() != version.bundle_bytes()) {
    return Error{ErrorCode::kDataLoss, "the bundle has " + std::to_string(bytes.size()) +
                                           " bytes, its version says " +
                                           std::to_string(version.bundle_bytes())};
  }
  const std::string hash = sha256_hex(bytes);
  if (hash != version.bundle_sha256()) {
    return Error{ErrorCode::kDataLoss,
                 "the bundle's SHA-256 is " + hash + ", not " + version.bundle_sha256()};
  }
  ISOPOP_TRY_ASSIGN(const BundleForm form, read_bundle_form(bytes));
  return check_bundle_form(form, worker.limits.script_bytes());
}

bool is_sha256_hex(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool is_worker_name(std::string_view text) {
  return !text.empty() && text.size() <= 63 && is_lower_or_digit(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_lower_or_digit(c) || c == '-' || c == '_'; });
}

}  // namespace isopop::pop
