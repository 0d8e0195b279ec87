#include "control_plane/server/relay_program.h"

#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "common/event_loop/address.h"
#include "common/files/files.h"
#include "common/log/log.h"
#include "common/metrics/metrics_registry.h"
#include "common/rpc/enrollment.h"
#include "common/rpc/rpc.h"
#include "control_plane/http/status_endpoint.h"
#include "control_plane/registry/state_lock.h"
#include "control_plane/relay/bundle_folder.h"
#include "control_plane/rpc/relay_loop.h"
#include "control_plane/rpc/relay_services.h"

namespace isopop::control {
namespace {

constexpr std::chrono::milliseconds kShutdownTimeout{2'000};
constexpr std::size_t kHostBytesMax = 64;

std::string host_name() {
  std::array<char, kHostBytesMax + 1> name{};
  if (::gethostname(name.data(), kHostBytesMax) != 0) return "relay";
  return name.data();
}

// "127.20.0.9:7070" -> "127.20.0.9"
std::string host_of(const std::string& address) {
  return address.substr(0, address.rfind(':'));
}

class RelayStatus final : public StatusSource {
 public:
  explicit RelayStatus(const RelayLoop& loop) : loop_(loop) {}
  [[nodiscard]] bool is_ready() const override { return !loop_.is_shutting_down(); }
  [[nodiscard]] std::string metrics() override {
    const RelayCore& core = loop_.core();
    metrics_.gauge("isopop_relay_pops", "PoPs that are connected.")
        .set(static_cast<double>(core.pops()));
    metrics_.gauge("isopop_relay_connected", "Whether the control plane is.")
        .set(core.is_connected() ? 1 : 0);
    const auto count_up = [this](const char* name, const char* help, std::uint64_t total) {
      CounterMetric counter = metrics_.counter(name, help);
      counter.increment(static_cast<double>(total) - counter.value());
    };
    const RelayCore::Totals& totals = core.totals();
    count_up("isopop_relay_bundles_fetched_total", "Bundles fetched from the control plane.",
             totals.bundles_fetched);
    count_up("isopop_relay_bundle_bytes_total", "Bytes of code sent to PoPs.", totals.bundle_bytes);
    count_up("isopop_relay_frames_up_total", "Messages of PoPs passed on.", totals.frames_up);
    count_up("isopop_relay_frames_down_total", "Messages to PoPs that came.", totals.frames_down);
    count_up("isopop_relay_streams_closed_total", "PoPs' streams that the relay closed.",
             totals.streams_closed);
    return metrics_.render();
  }

 private:
  const RelayLoop& loop_;
  MetricsRegistry metrics_;
};

// All of a relay that can begin once it has a certificate, or needs none.
struct Serving {
  Serving(asio::io_context& io, const Clock& clock, RelayLoopOptions options, BundleFolder bundles,
          Callers callers)
      : loop(io, clock, std::move(options), std::move(bundles)),
        status(loop),
        distribution(loop, callers),
        kv(loop, callers),
        identity(loop) {}

  RelayLoop loop;
  RelayStatus status;
  RelayDistribution distribution;
  RelayKv kv;
  RelayIdentity identity;
  std::unique_ptr<StatusEndpoint> http;
  std::unique_ptr<rpc::Server> grpc;
};

class Relay final {
 public:
  explicit Relay(RelayProgramOptions options)
      : options_(std::move(options)), signals_(io_, SIGTERM, SIGINT), work_(io_.get_executor()) {}
  ~Relay() {
    std::error_code ignored;
    std::filesystem::remove(endpoint_file(), ignored);
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  Result<void> run() {
    wait_for_signal();
    ISOPOP_TRY(begin());
    io_.run();
    if (stopper_.joinable()) stopper_.join();
    return {};
  }

 private:
  [[nodiscard]] std::filesystem::path endpoint_file() const {
    return options_.state / "relay.endpoint";
  }

  Result<void> begin() {
    const rpc::TlsFiles& tls = options_.tls;
    ISOPOP_TRY_ASSIGN(const Endpoint http_listen, parse_endpoint(options_.http_listen));
    ISOPOP_TRY_ASSIGN(BundleFolder bundles, BundleFolder::open(options_.state / "bundles"));
    RelayLoopOptions loop_options;
    loop_options.root = options_.root;
    loop_options.tls = tls;
    loop_options.name = options_.name;
    serving_ =
        std::make_unique<Serving>(io_, clock_, std::move(loop_options), std::move(bundles),
                                  tls.have_certificate() ? Callers::kPrograms : Callers::kAnybody);
    Serving& serving = *serving_;
    ISOPOP_TRY_ASSIGN(serving.http, StatusEndpoint::create(io_, http_listen, serving.status));
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    ISOPOP_TRY_ASSIGN(
        serving.grpc,
        rpc::Server::create(options_.listen,
                            {&serving.distribution, &serving.kv, &serving.identity}, tls));
    serving.loop.start();
    ISOPOP_TRY(write_file_atomically(endpoint_file(), serving.grpc->address() + "\n"));
    log_info("relay {} listens on {} (gRPC) and {} (HTTP)", options_.name, serving.grpc->address(),
             serving.http->address());
    return {};
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      log_info("signal {}: shutting down", signal);
      stop();
    });
  }

  void stop() {
    if (std::exchange(stopping_, true)) return;
    signals_.cancel();
    if (serving_ == nullptr || serving_->grpc == nullptr) return work_.reset();
    serving_->loop.shut_down();
    asio::co_spawn(io_, serving_->http->drain(), asio::detached);
    // Waiting for gRPC blocks, and what it waits for is done by this loop.
    stopper_ = std::thread([this] {
      serving_->grpc->shutdown(kShutdownTimeout);
      asio::post(io_, [this] { work_.reset(); });
    });
  }

  RelayProgramOptions options_;
  SystemClock clock_;
  asio::io_context io_{1};
  std::unique_ptr<Serving> serving_;
  asio::signal_set signals_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread stopper_;
  bool stopping_ = false;
};

// Null: it has its certificate from elsewhere, or needs none.
Result<std::unique_ptr<rpc::Enrollment>> join_network(const RelayProgramOptions& options,
                                                      const Clock& clock) {
  if (options.join.empty()) return std::unique_ptr<rpc::Enrollment>();
  rpc::EnrollmentOptions enrollment;
  enrollment.join = options.join;
  enrollment.folder = options.state / "identity";
  enrollment.control_address = options.root;
  enrollment.identity = {.kind = "relay", .id = options.name};
  enrollment.names = options.server_names;
  enrollment.names.push_back(host_of(options.listen));
  return rpc::Enrollment::start(std::move(enrollment), clock);
}

}  // namespace

Result<void> run_relay(const RelayProgramOptions& given) {
  RelayProgramOptions options = given;
  if (options.name.empty()) options.name = host_name();
  ISOPOP_TRY_ASSIGN(options.state, absolute_path(options.state));
  ISOPOP_TRY_ASSIGN(const StateLock lock, StateLock::acquire(options.state));
  ISOPOP_TRY(rpc::check_tls_files(options.tls));
  const SystemClock clock;
  ISOPOP_TRY_ASSIGN(const std::unique_ptr<rpc::Enrollment> enrollment,
                    join_network(options, clock));
  if (enrollment) options.tls = enrollment->tls();
  Relay relay(std::move(options));
  ISOPOP_TRY(relay.run());
  log_info("stopped");
  return {};
}

}  // namespace isopop::control
