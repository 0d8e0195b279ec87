#include "router/http/router_program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <utility>

#include "common/event_loop/address.h"
#include "common/event_loop/advertised_address.h"
#include "common/files/files.h"
#include "common/http/client_pool.h"
#include "common/http/server.h"
#include "common/log/log.h"
#include "common/rpc/enrollment.h"
#include "common/units/units.h"
#include "router/health/pop_directory.h"
#include "router/health/pop_health.h"
#include "router/http/front.h"
#include "router/http/routing.h"
#include "router/rpc/pops_watch.h"

namespace isopop::router {
namespace {

using std::chrono::milliseconds;

// How long PoPs that were ready stay so when a control plane that has just started does not know
// them yet: they find it again within their own back-off, 5 s at most.
constexpr milliseconds kDirectoryGrace{15'000};
constexpr milliseconds kDrainPatience{4'500};

struct Settings {
  Endpoint listen;
  std::filesystem::path state;
  NetMode net = NetMode::kAccount;
  http::ServerLimits server;
  http::ClientLimits client;
};

Result<milliseconds> read_duration(std::string_view flag, const std::string& text) {
  ISOPOP_TRY_ASSIGN(const auto value, parse_duration(text).with_context(flag));
  const auto rounded = std::chrono::ceil<milliseconds>(value);
  if (rounded.count() == 0) return invalid_argument(fmt::format("{}: must be above 0", flag));
  return rounded;
}

Result<Settings> understand(const RouterOptions& options) {
  Settings settings;
  ISOPOP_TRY_ASSIGN(settings.listen, parse_endpoint(options.listen).with_context("--listen"));
  ISOPOP_TRY_ASSIGN(settings.state, absolute_path(options.state));
  if (options.net != "real" && options.net != "account") {
    return invalid_argument("--net is 'real' or 'account'");
  }
  settings.net = options.net == "real" ? NetMode::kReal : NetMode::kAccount;
  ISOPOP_TRY_ASSIGN(settings.server.body_bytes_max,
                    parse_bytes(options.body_max).with_context("--body-max"));
  ISOPOP_TRY_ASSIGN(settings.server.head_timeout,
                    read_duration("--head-timeout", options.head_timeout));
  ISOPOP_TRY_ASSIGN(settings.server.progress_timeout,
                    read_duration("--body-timeout", options.body_timeout));
  settings.server.connections_max = options.connections_max;
  ISOPOP_TRY_ASSIGN(settings.client.head_timeout,
                    read_duration("--pop-timeout", options.pop_timeout));
  ISOPOP_TRY_ASSIGN(settings.client.connect_timeout,
                    read_duration("--connect-timeout", options.connect_timeout));
  settings.client.progress_timeout = settings.server.progress_timeout * 3;
  settings.client.connections_per_endpoint_max = options.pop_connections_max;
  return settings;
}

Result<std::unique_ptr<Routing>> make_routing(const RouterOptions& options) {
  ISOPOP_TRY_ASSIGN(auto cities, CityTable::load(options.cities).with_context("--cities"));
  std::unique_ptr<const Mmdb> mmdb;
  if (!options.mmdb.empty()) {
    ISOPOP_TRY_ASSIGN(mmdb, Mmdb::open(options.mmdb).with_context("--mmdb"));
  }
  ISOPOP_TRY_ASSIGN(const AccessProfile access, find_access_profile(options.access_profile));
  auto model = std::make_unique<const NetworkModel>(options.seed, access);
  ISOPOP_TRY_ASSIGN(auto policy, make_routing_policy(options.policy, *model));
  auto locator =
      std::make_unique<const ClientLocator>(std::move(cities), std::move(mmdb), options.seed);
  return std::make_unique<Routing>(std::move(locator), std::move(model), std::move(policy));
}

// Turns what the control plane says into the view that requests are routed by. On the event loop.
class PopFeed {
 public:
  PopFeed(asio::io_context& io, const Clock& clock, Routing& routing, PopHealth& health,
          http::ClientPool& pool)
      : clock_(clock), routing_(routing), health_(health), pool_(pool), expiry_(io) {}

  void apply(const PopsChange& change) {
    directory_.apply(change, clock_.now());
    if (!change.snapshot) {
      // The news is younger than what requests have seen.
      for (const Pop& pop : change.pops) {
        if (pop.state == PopState::kReady) health_.forget(pop.id);
        if (pop.state == PopState::kDown) drop_connections(pop.id);
      }
    }
    publish();
    if (const std::optional<Instant> at = directory_.expires_at()) expire_at(*at);
  }

  void stop() { expiry_.cancel(); }

 private:
  void publish() {
    Result<std::shared_ptr<const PopView>> view = PopView::create(directory_.pops());
    if (!view.ok()) {
      log_error("the control plane's list of PoPs cannot be used: {}", view.error().message);
      return;
    }
    const bool was_empty = routing_.view().table->eligible().empty();
    routing_.set_view(std::move(view).value());
    if (was_empty && !routing_.view().table->eligible().empty()) log_info("the first PoP is ready");
  }

  void drop_connections(const std::string& pop) {
    const auto endpoint = routing_.view().endpoints.find(pop);
    if (endpoint != routing_.view().endpoints.end()) pool_.forget(endpoint->second);
  }

  void expire_at(Instant at) {
    expiry_.expires_at(at);
    expiry_.async_wait([this](const boost::system::error_code& error) {
      if (!error && directory_.expire(clock_.now())) publish();
    });
  }

  const Clock& clock_;
  Routing& routing_;
  PopHealth& health_;
  http::ClientPool& pool_;
  PopDirectory directory_{kDirectoryGrace};
  asio::steady_timer expiry_;
};

asio::awaitable<void> drain(http::Server& server, asio::io_context& io) {
  co_await server.drain(kDrainPatience);
  io.stop();
}

// By the name of its host: there may be several. Null: it has its certificate from elsewhere, or
// needs none.
Result<std::unique_ptr<rpc::Enrollment>> join_network(const RouterOptions& options,
                                                      const std::filesystem::path& state,
                                                      const Clock& clock) {
  if (options.join.empty()) return std::unique_ptr<rpc::Enrollment>();
  std::array<char, 256> host{};
  pki::ProgramIdentity identity{.kind = "router", .id = "main"};
  if (gethostname(host.data(), host.size() - 1) == 0) identity.id = host.data();
  if (!pki::check_identity(identity).ok()) identity.id = "main";
  return rpc::Enrollment::start({.join = options.join,
                                 .folder = state / "router",
                                 .control_address = options.control,
                                 .identity = identity},
                                clock);
}

}  // namespace

Result<void> run_router(const RouterOptions& options) {
  ISOPOP_TRY_ASSIGN(const Settings settings, understand(options));
  ISOPOP_TRY(rpc::check_tls_files(options.tls));
  ISOPOP_TRY_ASSIGN(const std::unique_ptr<Routing> routing, make_routing(options));
  // A reader of our log that goes away must not take the router with it.
  std::signal(SIGPIPE, SIG_IGN);

  const SystemClock clock;
  ISOPOP_TRY_ASSIGN(const std::unique_ptr<rpc::Enrollment> enrollment,
                    join_network(options, settings.state, clock));
  const rpc::TlsFiles tls = enrollment ? enrollment->tls() : options.tls;
  asio::io_context io(1);
  PopHealth health({}, options.seed);
  RouterMetrics metrics;
  http::ClientPool pool(io, settings.client);
  Front front({.io = io,
               .clock = clock,
               .routing = *routing,
               .health = health,
               .pool = pool,
               .metrics = metrics,
               .net = settings.net});
  ISOPOP_TRY_ASSIGN(
      const std::unique_ptr<http::Server> server,
      http::Server::create(
          io, settings.listen,
          [&front](http::Exchange& exchange) { return front.handle(exchange); }, settings.server));
  front.attach(*server);
  const std::string address = isopop::to_string(server->address());
  ISOPOP_TRY_ASSIGN(
      const AdvertisedAddress advertised,
      AdvertisedAddress::create(options.advertise, server->address()).with_context("--advertise"));
  ISOPOP_TRY(create_folders(settings.state));
  const std::filesystem::path endpoint_file = settings.state / "router.endpoint";
  ISOPOP_TRY(write_file_atomically(endpoint_file, address + "\n"));

  PopFeed feed(io, clock, *routing, health, pool);
  auto watch = std::make_unique<PopsWatch>(
      PopsWatchOptions{.control_address = options.control, .tls = tls, .address = advertised},
      [&io, &feed](PopsChange change) {
        asio::post(io, [&feed, change = std::move(change)] { feed.apply(change); });
      });
  log_info("router serves on {}; network time is {}", address,
           settings.net == NetMode::kReal ? "waited" : "accounted");

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& error, int signal) {
    if (error) return;
    log_info("signal {}: draining", signal);
    asio::co_spawn(io, drain(*server, io), asio::detached);
  });
  io.run();
  watch.reset();
  feed.stop();
  std::error_code ignored;
  std::filesystem::remove(endpoint_file, ignored);
  log_info("router has stopped");
  return {};
}

}  // namespace isopop::router
