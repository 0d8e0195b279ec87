#include "pop_node/main/settings.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "common/files/files.h"
#include "common/geo/geo_point.h"
#include "common/units/units.h"

namespace isopop::pop {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kKib = 1024;
constexpr std::uint64_t kMib = 1024 * kKib;

bool is_pop_id(const std::string& id) {
  return !id.empty() && id.size() <= 63 && id.front() != '.' &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

Result<std::chrono::nanoseconds> read_duration(const char* flag, const std::string& text) {
  return parse_duration(text).with_context(flag);
}

Result<std::uint32_t> read_ms(const char* flag, const std::string& text) {
  ISOPOP_TRY_ASSIGN(const auto duration, read_duration(flag, text));
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(std::chrono::ceil<milliseconds>(duration).count(), 1, 3'600'000));
}

// Rounded up to whole units, at least one.
Result<std::uint32_t> read_size(const char* flag, const std::string& text, std::uint64_t unit) {
  ISOPOP_TRY_ASSIGN(const std::uint64_t bytes, parse_bytes(text).with_context(flag));
  const std::uint64_t units =
      std::max<std::uint64_t>(bytes / unit + (bytes % unit != 0 ? 1 : 0), 1);
  if (units > std::numeric_limits<std::uint32_t>::max()) {
    return invalid_argument(std::string(flag) + ": " + text + " is too much");
  }
  return static_cast<std::uint32_t>(units);
}

Result<WorkerDefaults> understand_defaults(const Options& options) {
  WorkerDefaults defaults;
  ISOPOP_TRY_ASSIGN(defaults.isolation,
                    parse_isolation(options.isolation).with_context("--isolation"));
  ISOPOP_TRY_ASSIGN(defaults.cpu_ms, read_ms("--cpu-limit", options.cpu_limit));
  ISOPOP_TRY_ASSIGN(defaults.top_level_cpu_ms,
                    read_ms("--top-level-cpu-limit", options.top_level_cpu_limit));
  ISOPOP_TRY_ASSIGN(defaults.wall_ms, read_ms("--wall-limit", options.wall_limit));
  ISOPOP_TRY_ASSIGN(defaults.heap_mib, read_size("--heap-limit", options.heap_limit, kMib));
  ISOPOP_TRY_ASSIGN(defaults.memory_mib, read_size("--memory-limit", options.memory_limit, kMib));
  defaults.subrequests = options.subrequests_max;
  ISOPOP_TRY_ASSIGN(defaults.log_kib, read_size("--log-max", options.log_max, kKib));
  ISOPOP_TRY_ASSIGN(defaults.script_bytes,
                    parse_bytes(options.script_max).with_context("--script-max"));
  ISOPOP_TRY_ASSIGN(defaults.request_body_bytes,
                    parse_bytes(options.body_max).with_context("--body-max"));
  return defaults;
}

Result<PoolLimits> understand_limits(const Options& options) {
  PoolLimits limits;
  ISOPOP_TRY_ASSIGN(limits.memory_budget_bytes,
                    parse_bytes(options.memory_budget).with_context("--memory-budget"));
  limits.executors_max = options.executors_max;
  limits.executors_per_worker_max =
      std::min(options.executors_per_worker_max, options.executors_max);
  limits.queue_max = options.queue_max;
  limits.queue_per_worker_max = std::min(limits.queue_per_worker_max, options.queue_max);
  ISOPOP_TRY_ASSIGN(limits.queue_deadline,
                    read_duration("--queue-deadline", options.queue_deadline));
  ISOPOP_TRY_ASSIGN(limits.idle_timeout,
                    read_duration("--executor-idle-timeout", options.executor_idle_timeout));
  ContainerStart& start = limits.container_start;
  ISOPOP_TRY_ASSIGN(start.p50, read_duration("--container-start-p50", options.container_start_p50));
  ISOPOP_TRY_ASSIGN(start.min, read_duration("--container-start-min", options.container_start_min));
  ISOPOP_TRY_ASSIGN(start.max, read_duration("--container-start-max", options.container_start_max));
  if (start.p50 <= std::chrono::nanoseconds(0) || start.min > start.p50 || start.p50 > start.max) {
    return invalid_argument(
        "--container-start-p50 must be positive and lie between --container-start-min and -max");
  }
  ISOPOP_TRY_ASSIGN(limits.container_idle_timeout,
                    read_duration("--container-idle-timeout", options.container_idle_timeout));
  return limits;
}

}  // namespace

Result<Settings> understand(const Options& options) {
  Settings settings;
  if (!is_pop_id(options.id)) {
    return invalid_argument(
        "--id must be 1 to 63 letters, digits, '-', '_' or '.', and not begin with '.'");
  }
  ISOPOP_TRY(check_geo_point(
      {.latitude_deg = options.latitude_deg, .longitude_deg = options.longitude_deg}));
  ISOPOP_TRY_ASSIGN(settings.listen, parse_endpoint(options.listen).with_context("--listen"));
  ISOPOP_TRY_ASSIGN(settings.state, absolute_path(options.state));

  ISOPOP_TRY_ASSIGN(settings.defaults, understand_defaults(options));
  ISOPOP_TRY_ASSIGN(settings.pool.limits, understand_limits(options));
  ISOPOP_TRY_ASSIGN(settings.pool.start_timeout,
                    read_duration("--executor-start-timeout", options.executor_start_timeout));
  settings.pool.zygote.program = options.executor.empty() ? program_folder() / "isopop-executor"
                                                          : std::filesystem::path(options.executor);
  // The folder is for people: `ps` tells whose executor it is.
  settings.pool.zygote.arguments = {"--state", settings.state.string(), "--dirty-finder",
                                    options.dirty_finder};
  settings.pool.zygote.spares = options.spare_executors;
  settings.pool.zygote.start_timeout = settings.pool.start_timeout;
  settings.pool.colo = options.id;
  ISOPOP_TRY_ASSIGN(settings.control_rtt, read_duration("--control-rtt", options.control_rtt));

  // Each worker has a bound of its own, above or below the PoP's; EdgeRequest holds to it.
  settings.server.body_bytes_max = std::numeric_limits<std::uint64_t>::max();
  settings.server.connections_max = options.connections_max;
  ISOPOP_TRY_ASSIGN(const auto head, read_duration("--head-timeout", options.head_timeout));
  ISOPOP_TRY_ASSIGN(const auto body, read_duration("--body-timeout", options.body_timeout));
  settings.server.head_timeout = std::chrono::ceil<milliseconds>(head);
  settings.server.progress_timeout = std::chrono::ceil<milliseconds>(body);
  return settings;
}

}  // namespace isopop::pop
