#include "control_plane/server/control_plane.h"

#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>

#include "common/files/files.h"
#include "common/log/log.h"
#include "common/rpc/rpc.h"
#include "control_plane/http/control_status.h"
#include "control_plane/http/status_endpoint.h"
#include "control_plane/registry/state_lock.h"
#include "control_plane/rpc/access_service.h"
#include "control_plane/rpc/control_loop.h"
#include "control_plane/rpc/control_service.h"
#include "control_plane/rpc/deployer.h"
#include "control_plane/rpc/distribution_service.h"
#include "control_plane/rpc/identity_service.h"
#include "control_plane/rpc/kv_service.h"
#include "control_plane/rpc/operations_service.h"
#include "control_plane/rpc/rollout_service.h"
#include "control_plane/rpc/secrets_service.h"
#include "control_plane/rpc/telemetry.h"
#include "control_plane/server/security.h"
#include "control_plane/server/state_advice.h"

namespace isopop::control {
namespace {

// For calls in flight, and for peers that keep their connection although their calls ended.
constexpr std::chrono::milliseconds kShutdownTimeout{2'000};
// How often to look whether a certificate is to be renewed, and to note when tokens were used.
constexpr std::chrono::seconds kKeepUpInterval{60};

// DIR/control.endpoint, where popctl looks; there as long as the object lives.
class EndpointFile final {
 public:
  static Result<EndpointFile> write(const std::filesystem::path& path, const std::string& address) {
    ISOPOP_TRY(write_file_atomically(path, address + "\n"));
    return EndpointFile(path);
  }
  ~EndpointFile() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove(path_, ignored);
  }
  EndpointFile(EndpointFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  EndpointFile& operator=(EndpointFile&&) = delete;
  EndpointFile(const EndpointFile&) = delete;
  EndpointFile& operator=(const EndpointFile&) = delete;

 private:
  explicit EndpointFile(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

// Everything of one control plane in the order it is built; destroyed in reverse.
class ControlPlane final {
 public:
  ControlPlane(const ControlPlaneOptions& options, Security& security,
               std::unique_ptr<Registry> registry)
      : security_(security),
        store_(std::move(registry)),
        loop_(io_, clock_, store_, metrics_),
        deployer_(loop_, store_, metrics_,
                  {.check = {.executor = options.executor}, .bundle_limits = {}}),
        control_(loop_, deployer_, security.authorizer()),
        distribution_(loop_, security.authorizer()),
        rollouts_(loop_, security.authorizer()),
        telemetry_(loop_, clock_),
        status_(loop_, metrics_, telemetry_),
        operations_(loop_, telemetry_, security.authorizer(), io_, clock_, options.state),
        kv_(io_, clock_, loop_, security.authorizer(), metrics_),
        access_(loop_, security.book(), security.authorizer(), clock_),
        identity_(loop_, security.book(), security.authorizer(), security.issuer(), clock_),
        secrets_(loop_, security.authorizer(), security.pki().secrets_key, clock_),
        keep_up_(io_),
        signals_(io_, SIGTERM, SIGINT),
        work_(io_.get_executor()) {}

  Result<void> start(const ControlPlaneOptions& options) {
    ISOPOP_TRY(security_.load(store_));
    ISOPOP_TRY(loop_.load());
    ISOPOP_TRY(secrets_.load());
    ISOPOP_TRY(operations_.load());
    telemetry_.attach();
    ISOPOP_TRY_ASSIGN(const Endpoint http_listen, parse_endpoint(options.http_listen));
    ISOPOP_TRY_ASSIGN(http_, StatusEndpoint::create(io_, http_listen, status_));
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    ISOPOP_TRY_ASSIGN(grpc_, rpc::Server::create(options.listen,
                                                 {&control_, &distribution_, &rollouts_, &kv_,
                                                  &operations_, &access_, &identity_, &secrets_},
                                                 security_.tls()));
    loop_.start_ticking();
    keep_up_later();
    wait_for_signal();
    log_info("listening on {} (gRPC, {}) and {} (HTTP)", grpc_->address(), security_.described(),
             http_->address());
    return {};
  }

  [[nodiscard]] const std::string& address() const { return grpc_->address(); }

  // For when it must not run after all: calls may be open already.
  void give_up() {
    stop();
    run();
  }

  void run() {
    io_.run();
    if (stopper_.joinable()) stopper_.join();
    // What the store still has to do tells the loop of it, which ends before the store.
    store_.call([](Registry&) { return Result<void>(); }).ignore("waited for, nothing else");
  }

 private:
  void keep_up_later() {
    keep_up_.expires_after(kKeepUpInterval);
    keep_up_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      security_.keep_up(store_);
      keep_up_later();
    });
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      log_info("signal {}: shutting down", signal);
      stop();
    });
  }

  void stop() {
    deployer_.stop();
    keep_up_.cancel();
    security_.keep_up(store_);
    loop_.shut_down();
    asio::co_spawn(io_, http_->drain(), asio::detached);
    // Waiting for gRPC blocks, and what it waits for is done by this loop.
    stopper_ = std::thread([this] {
      grpc_->shutdown(kShutdownTimeout);
      loop_.post([this] { work_.reset(); });
    });
  }

  SystemClock clock_;
  MetricsRegistry metrics_;
  asio::io_context io_{1};
  Security& security_;
  Store store_;
  ControlLoop loop_;
  Deployer deployer_;
  ControlService control_;
  DistributionService distribution_;
  RolloutService rollouts_;
  Telemetry telemetry_;
  ControlStatus status_;
  OperationsService operations_;
  KvService kv_;
  AccessService access_;
  IdentityService identity_;
  SecretsService secrets_;
  asio::steady_timer keep_up_;
  std::unique_ptr<StatusEndpoint> http_;
  std::unique_ptr<rpc::Server> grpc_;
  asio::signal_set signals_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread stopper_;
};

Result<void> run_on_state(const ControlPlaneOptions& options) {
  ISOPOP_TRY_ASSIGN(const StateLock lock, StateLock::acquire(options.state));
  const SystemClock clock;
  ISOPOP_TRY_ASSIGN(
      const std::unique_ptr<Security> security,
      Security::create(
          options.security,
          {.state = options.state, .listen = options.listen, .http_listen = options.http_listen},
          clock));
  ISOPOP_TRY_ASSIGN(
      std::unique_ptr<Registry> registry,
      Registry::open(options.state / "control.db", clock, &security->pki().bundle_key));
  ControlPlane control_plane(options, *security, std::move(registry));
  ISOPOP_TRY(control_plane.start(options));
  const Result<EndpointFile> endpoint =
      EndpointFile::write(options.state / "control.endpoint", control_plane.address());
  if (!endpoint.ok()) {
    control_plane.give_up();
    return endpoint.error();
  }
  control_plane.run();
  log_info("stopped");
  return {};
}

}  // namespace

Result<void> run_control_plane(const ControlPlaneOptions& given) {
  ControlPlaneOptions options = given;
  if (options.executor.empty()) options.executor = program_folder() / "isopop-executor";
  ISOPOP_TRY_ASSIGN(options.state, absolute_path(options.state));
  const Result<void> ran = run_on_state(options);
  if (!ran.ok()) return with_state_advice(ran.error(), options.state);
  return {};
}

}  // namespace isopop::control
