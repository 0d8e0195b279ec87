#include "pop_node/main/pop_program.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <csignal>
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

bool is_pop_id(const std::string& id) {
  return !id.empty() && id.size() <= 63 && id.front() != '.' &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
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

  ISOPOP_TRY_ASSIGN(settings.defaults.isolation,
                    parse_isolation(options.isolation).with_context("--isolation"));
  if (!is_supported(settings.defaults.isolation)) {
    return invalid_argument("--isolation: this PoP serves fresh and warm");
  }
  ISOPOP_TRY_ASSIGN(const auto wall, read_duration("--wall-limit", options.wall_limit));
  settings.defaults.wall_ms = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(std::chrono::ceil<milliseconds>(wall).count(), 1, 3'600'000));
  ISOPOP_TRY_ASSIGN(settings.defaults.request_body_bytes,
                    parse_bytes(options.body_max).with_context("--body-max"));

  PoolLimits& limits = settings.pool.limits;
  limits.executors_max = options.executors_max;
  limits.executors_per_worker_max =
      std::min(options.executors_per_worker_max, options.executors_max);
  limits.queue_max = options.queue_max;
  limits.queue_per_worker_max = std::min(limits.queue_per_worker_max, options.queue_max);
  ISOPOP_TRY_ASSIGN(limits.queue_deadline,
                    read_duration("--queue-deadline", options.queue_deadline));
  ISOPOP_TRY_ASSIGN(limits.idle_timeout,
                    read_duration("--executor-idle-timeout", options.executor_idle_timeout));
  ISOPOP_TRY_ASSIGN(settings.pool.start_timeout,
                    read_duration("--executor-start-timeout", options.executor_start_timeout));
  settings.pool.executor_program = options.executor.empty()
                                       ? program_folder() / "isopop-executor"
                                       : std::filesystem::path(options.executor);
  settings.pool.executor_arguments = {"--state", settings.state.string()};
  settings.pool.colo = options.id;

  settings.server.body_bytes_max = settings.defaults.request_body_bytes;
  settings.server.connections_max = options.connections_max;
  ISOPOP_TRY_ASSIGN(const auto head, read_duration("--head-timeout", options.head_timeout));
  ISOPOP_TRY_ASSIGN(const auto body, read_duration("--body-timeout", options.body_timeout));
  settings.server.head_timeout = std::chrono::ceil<milliseconds>(head);
  settings.server.progress_timeout = std::chrono::ceil<milliseconds>(body);
  return settings;
}

DistributionSession::Description describe(const Options& options, const Endpoint& address) {
  DistributionSession::Description description;
  v1::PopIdentity& identity = description.identity;
  identity.set_id(options.id);
  identity.set_city(options.city);
  identity.set_country(options.country);
  identity.set_region(options.region);
  identity.set_latitude_deg(options.latitude_deg);
  identity.set_longitude_deg(options.longitude_deg);
  description.http_address = to_string(address);
  description.program_version = program_version();
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

}  // namespace

Result<void> run_pop(const Options& options) {
  ISOPOP_TRY_ASSIGN(const Settings settings, understand(options));
  ISOPOP_TRY_ASSIGN(std::unique_ptr<VersionStore> store,
                    VersionStore::create(settings.state / "pops" / options.id));
  // A reader of our log that goes away must not take the PoP with it.
  std::signal(SIGPIPE, SIG_IGN);

  asio::io_context io;
  const SystemClock clock;
  WorkerCatalog catalog(std::move(store), settings.defaults);
  const std::size_t restored = catalog.restore();
  ExecutorPool pool(io, clock, settings.pool,
                    [&catalog](const LiveWorker& worker) { return catalog.read_bundle(worker); });
  catalog.on_retired([&pool](const LiveWorkerPtr& worker) { pool.retire(worker); });
  pool.on_forgotten([&catalog, &pool] { catalog.collect_garbage(pool.bundles_in_use()); });

  PopMetrics metrics;
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

  distribution = std::make_unique<DistributionClient>(
      io, clock, catalog,
      DistributionClientOptions{.control_address = options.control,
                                .description = describe(options, server->address())},
      [&pool, &metrics] {
        v1::Heartbeat heartbeat;
        heartbeat.set_executors(static_cast<std::uint32_t>(pool.figures().executors));
        heartbeat.set_requests(metrics.requests());
        heartbeat.set_errors(metrics.errors());
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
