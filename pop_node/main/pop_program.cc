#include "pop_node/main/pop_program.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <csignal>
#include <limits>
#include <memory>
#include <utility>

#include "common/app/app.h"
#include "common/event_loop/address.h"
#include "common/files/files.h"
#include "common/geo/geo_point.h"
#include "common/http/server.h"
#include "common/log/log.h"
#include "common/time/clock.h"
#include "common/units/units.h"
#include "pop_node/http/edge_handler.h"
#include "pop_node/http/pop_metrics.h"
#include "pop_node/pool/executor_pool.h"
#include "pop_node/pool/signal.h"
#include "pop_node/rpc/distribution_client.h"
#include "pop_node/worker/version_store.h"
#include "pop_node/worker/worker_catalog.h"

namespace isopop::pop {
namespace {

using std::chrono::milliseconds;

// Together below the five seconds in which a program that was asked to stop is gone.
constexpr milliseconds kServerPatience{3'500};
constexpr milliseconds kPoolPatience{800};
constexpr milliseconds kLastPatience{300};
constexpr std::uint64_t kKib = 1024;
constexpr std::uint64_t kMib = 1024 * kKib;

bool is_pop_id(const std::string& id) {
  return !id.empty() && id.size() <= 63 && id.front() != '.' &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

// Two for each executor, and one for each connection: more than the 1,024 that a shell gives.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// The options with their units understood.
struct Settings {
  Endpoint listen;
  std::filesystem::path state;
  WorkerDefaults defaults;
  ExecutorPoolOptions pool;
  http::ServerLimits server;
};

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

  // Each worker has a bound of its own, above or below the PoP's; EdgeRequest holds to it.
  settings.server.body_bytes_max = std::numeric_limits<std::uint64_t>::max();
  settings.server.connections_max = options.connections_max;
  ISOPOP_TRY_ASSIGN(const auto head, read_duration("--head-timeout", options.head_timeout));
  ISOPOP_TRY_ASSIGN(const auto body, read_duration("--body-timeout", options.body_timeout));
  settings.server.head_timeout = std::chrono::ceil<milliseconds>(head);
  settings.server.progress_timeout = std::chrono::ceil<milliseconds>(body);
  return settings;
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

DistributionSession::Description describe(const Options& options) {
  DistributionSession::Description description;
  v1::PopIdentity& identity = description.identity;
  identity.set_id(options.id);
  identity.set_city(options.city);
  identity.set_country(options.country);
  identity.set_region(options.region);
  identity.set_latitude_deg(options.latitude_deg);
  identity.set_longitude_deg(options.longitude_deg);
  description.program_version = program_version();
  description.host = host_name();
  return description;
}

// The end of a PoP: what runs may end, then what is left is ended. The order matters: a request
// that waits for an executor is ended by the pool, and only then can its connection be.
struct Drain {
  asio::io_context& io;
  http::Server& server;
  ExecutorPool& pool;
  Signal changed{io};
  bool server_is_done = false;

  static asio::awaitable<void> run(std::shared_ptr<Drain> self) {
    asio::co_spawn(self->io, drain_server(self), asio::detached);
    co_await wait_for_server(self, kServerPatience);
    co_await self->pool.drain(kPoolPatience);
    co_await wait_for_server(self, kLastPatience);
    self->io.stop();
  }

  static asio::awaitable<void> drain_server(std::shared_ptr<Drain> self) {
    co_await self->server.drain(kServerPatience);
    self->server_is_done = true;
    self->changed.notify();
  }

  static asio::awaitable<void> wait_for_server(std::shared_ptr<Drain> self, milliseconds patience) {
    asio::steady_timer timer(self->io, patience);
    timer.async_wait([self](boost::system::error_code cancelled) {
      if (!cancelled) self->changed.notify();
    });
    if (!self->server_is_done) co_await self->changed.wait();
  }
};

// What each of them tells the others. All live until the event loop has stopped.
void connect(WorkerCatalog& catalog, ExecutorPool& pool, PopMetrics& metrics) {
  if (catalog.registry().size() > 0) pool.expect_requests();
  catalog.on_installed([&pool] { pool.expect_requests(); });
  catalog.on_retired([&pool](const LiveWorkerPtr& worker) { pool.retire(worker); });
  pool.on_forgotten([&catalog, &pool] {
    catalog.collect_garbage(pool.bundles_in_use());
    pool.keep_counters(
        [&catalog](std::string_view name) { return catalog.registry().by_name(name) != nullptr; });
  });
  pool.on_restored(
      [&metrics](const v1::RestoreFigures& figures) { metrics.count_restore(figures); });
}

}  // namespace

Result<void> run_pop(const Options& options) {
  ISOPOP_TRY_ASSIGN(const Settings settings, understand(options));
  ISOPOP_TRY(rpc::check_tls_files(options.tls));
  ISOPOP_TRY_ASSIGN(std::unique_ptr<VersionStore> store,
                    VersionStore::create(settings.state / "pops" / options.id));
  // A reader of our log that goes away must not take the PoP with it.
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();

  asio::io_context io;
  const SystemClock clock;
  WorkerCatalog catalog(std::move(store), settings.defaults);
  const std::size_t restored = catalog.restore();
  ExecutorPool pool(io, clock, settings.pool,
                    [&catalog](const LiveWorker& worker) { return catalog.read_bundle(worker); });
  PopMetrics metrics;
  connect(catalog, pool, metrics);
  std::unique_ptr<DistributionClient> distribution;
  EdgeHandler edge({.io = io,
                    .clock = clock,
                    .registry = catalog.registry(),
                    .pool = pool,
                    .metrics = metrics,
                    .colo = options.id},
                   [&distribution, restored] {
                     return restored > 0 || (distribution && distribution->was_complete());
                   });
  ISOPOP_TRY_ASSIGN(
      const std::unique_ptr<http::Server> server,
      http::Server::create(
          io, settings.listen, [&edge](http::Exchange& exchange) { return edge.handle(exchange); },
          settings.server, [&edge](http::Refusal& refusal) { edge.dress(refusal); }));
  edge.attach(*server);
  ISOPOP_TRY_ASSIGN(
      const AdvertisedAddress address,
      AdvertisedAddress::create(options.advertise, server->address()).with_context("--advertise"));

  distribution = std::make_unique<DistributionClient>(
      io, clock, catalog,
      DistributionClientOptions{.control_address = options.control,
                                .tls = options.tls,
                                .description = describe(options),
                                .address = address},
      [&pool, &metrics] {
        v1::Heartbeat heartbeat;
        heartbeat.set_executors(static_cast<std::uint32_t>(pool.figures().executors));
        heartbeat.set_requests(metrics.requests());
        heartbeat.set_errors(metrics.errors());
        if (const v1::ZygoteReady* const zygote = pool.zygote_report()) {
          *heartbeat.mutable_sandbox() = zygote->sandbox();
        }
        return heartbeat;
      });
  distribution->start();
  log_info("PoP {} serves on {}; {} workers from its store", options.id,
           to_string(server->address()), restored);

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](boost::system::error_code error, int signal) {
    if (error) return;
    log_info("signal {}: draining", signal);
    distribution.reset();
    const std::shared_ptr<Drain> end(new Drain{.io = io, .server = *server, .pool = pool});
    asio::co_spawn(io, Drain::run(end), asio::detached);
  });
  io.run();
  log_info("PoP {} has stopped", options.id);
  return {};
}

}  // namespace isopop::pop
