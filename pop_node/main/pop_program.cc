#include "pop_node/main/pop_program.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/app/app.h"
#include "common/files/files.h"
#include "common/http/server.h"
#include "common/log/log.h"
#include "common/pki/signing.h"
#include "common/rpc/enrollment.h"
#include "common/rpc/rpc.h"
#include "common/time/clock.h"
#include "pop_node/http/edge_handler.h"
#include "pop_node/http/pop_metrics.h"
#include "pop_node/kv/pop_kv.h"
#include "pop_node/main/outage_switch.h"
#include "pop_node/main/pop_condition.h"
#include "pop_node/main/settings.h"
#include "pop_node/pool/executor_pool.h"
#include "pop_node/pool/executor_trial.h"
#include "pop_node/pool/signal.h"
#include "pop_node/rpc/distribution_client.h"
#include "pop_node/rpc/kv_client.h"
#include "pop_node/worker/version_store.h"
#include "pop_node/worker/worker_catalog.h"

namespace isopop::pop {
namespace {

using std::chrono::milliseconds;

// Together below the five seconds in which a program that was asked to stop is gone.
constexpr milliseconds kServerPatience{3'500};
constexpr milliseconds kPoolPatience{800};
constexpr milliseconds kLastPatience{300};
// Of an executor of a version on trial: a container may take a second, a busy machine some more.
constexpr std::chrono::seconds kTrialPatience{10};
constexpr std::uint64_t kBundleKeyBytesMax = 64 * 1024;

// Two for each executor, and one for each connection: more than the 1,024 that a shell gives.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
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
void connect(WorkerCatalog& catalog, ExecutorPool& pool, PopMetrics& metrics,
             VersionFigures& figures) {
  if (catalog.registry().size() > 0) pool.expect_requests();
  catalog.on_installed([&pool] { pool.expect_requests(); });
  catalog.on_retired([&pool](const LiveWorkerPtr& worker) { pool.retire(worker); });
  pool.on_forgotten([&catalog, &pool] {
    catalog.collect_garbage(pool.bundles_in_use());
    pool.keep_counters(
        [&catalog](std::string_view name) { return catalog.registry().by_name(name) != nullptr; });
  });
  pool.on_restored(
      [&metrics](const v1::RestoreFigures& restore) { metrics.count_restore(restore); });
  pool.on_cpu([&figures](const LiveWorker& worker, std::uint32_t cpu_us) {
    figures.count_cpu(worker.version, cpu_us);
  });
  pool.on_crashed([&figures](const LiveWorker& worker) { figures.count_crash(worker.version); });
}

asio::awaitable<void> run_trial(asio::io_context& io, ExecutorPool& pool,
                                std::vector<LiveWorkerPtr> versions,
                                std::function<void(Result<void>)> done) {
  const Result<void> outcome = co_await try_versions(io, pool, std::move(versions), kTrialPatience);
  done(outcome);
}

DistributionClientOptions client_options(const Options& options, const Settings& settings,
                                         const rpc::TlsFiles& tls,
                                         const AdvertisedAddress& address) {
  return {.control_address = options.control,
          .tls = tls,
          .description = describe(options),
          .address = address,
          .round_trip = settings.control_rtt};
}

// All that it names lives as long as the client.
DistributionPorts ports_of(asio::io_context& io, PopCondition& condition, ExecutorPool& pool,
                           Tails& tails, OutageSwitch& outage, PopKv& kv) {
  return {.heartbeat = [&condition] { return condition.heartbeat(); },
          .try_versions =
              [&io, &pool](std::vector<LiveWorkerPtr> versions,
                           std::function<void(Result<void>)> done) {
                asio::co_spawn(io, run_trial(io, pool, std::move(versions), std::move(done)),
                               asio::detached);
              },
          .start_tail = [&tails](const v1::TailStart& tail) { tails.start(tail); },
          .stop_tail = [&tails](std::uint64_t id) { tails.stop(id); },
          .has_tails = [&tails] { return tails.any(); },
          .tail_events = [&tails] { return tails.take(); },
          .outage = [&outage](const v1::Outage& told) { outage.set(told.failed()); },
          .kv_invalidations = [&kv](const v1::KvInvalidations& told) { kv.invalidate(told); },
          .stream_began = [&kv] { kv.stream_began(); },
          .stream_ended = [&tails] { tails.stop_all(); }};
}

// The key that versions must be signed with: the one that was named, or that was learnt when this
// PoP joined. Without one nothing is checked: the control plane is asked in plain text too.
Result<void> read_bundle_key(const Options& options, const std::filesystem::path& folder,
                             WorkerCatalog& catalog) {
  std::filesystem::path file = options.bundle_key;
  std::error_code error;
  if (file.empty()) file = folder / "bundle.pub";
  if (options.bundle_key.empty() && !std::filesystem::exists(file, error)) return {};
  ISOPOP_TRY_ASSIGN(const std::string pem,
                    read_file(file, kBundleKeyBytesMax).with_context("--bundle-key"));
  ISOPOP_TRY_ASSIGN(pki::VerifyKey key,
                    pki::VerifyKey::from_pem(pem).with_context("--bundle-key " + file.string()));
  catalog.verify_with(std::move(key));
  return {};
}

// Null: it has its certificate from elsewhere, or needs none.
Result<std::unique_ptr<rpc::Enrollment>> join_network(const Options& options,
                                                      const std::filesystem::path& folder,
                                                      const Clock& clock) {
  if (options.join.empty()) return std::unique_ptr<rpc::Enrollment>();
  return rpc::Enrollment::start({.join = options.join,
                                 .folder = folder,
                                 .control_address = options.control,
                                 .identity = {.kind = "pop", .id = options.id}},
                                clock);
}

}  // namespace

Result<void> run_pop(const Options& options) {
  ISOPOP_TRY_ASSIGN(const Settings settings, understand(options));
  const SystemClock clock;
  const std::filesystem::path folder = settings.state / "pops" / options.id;
  ISOPOP_TRY(rpc::check_tls_files(options.tls));
  ISOPOP_TRY_ASSIGN(const std::unique_ptr<rpc::Enrollment> enrollment,
                    join_network(options, folder, clock));
  const rpc::TlsFiles tls = enrollment ? enrollment->tls() : options.tls;
  ISOPOP_TRY_ASSIGN(std::unique_ptr<VersionStore> store, VersionStore::create(folder));
  // A reader of our log that goes away must not take the PoP with it.
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();

  asio::io_context io;
  WorkerCatalog catalog(std::move(store), settings.defaults);
  ISOPOP_TRY(read_bundle_key(options, folder, catalog));
  const std::size_t restored = catalog.restore();
  VersionFigures figures;
  Tails tails;
  ExecutorPool pool(io, clock, settings.pool,
                    [&catalog](const LiveWorker& worker) { return catalog.read_bundle(worker); });
  PopMetrics metrics;
  connect(catalog, pool, metrics, figures);
  KvClient kv_client(io, [&options, &tls] { return rpc::connect(options.control, tls); },
                     {.pop_id = options.id});
  PopKv kv(clock, kv_client);
  std::unique_ptr<DistributionClient> distribution;
  EdgeHandler edge({.io = io,
                    .clock = clock,
                    .registry = catalog.registry(),
                    .pool = pool,
                    .metrics = metrics,
                    .figures = figures,
                    .tails = tails,
                    .kv = kv,
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

  PopCondition condition(clock, catalog, pool, metrics, figures, kv);
  OutageSwitch outage(io, *server);
  distribution = std::make_unique<DistributionClient>(
      io, clock, catalog, client_options(options, settings, tls, address),
      ports_of(io, condition, pool, tails, outage, kv));
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
