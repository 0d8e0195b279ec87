#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/rpc/rpc.h"
#include "control_plane/distribution/distributor.h"
#include "isopop/v1/distribution.grpc.pb.h"
#include "tests/bench/propagation/sections.h"
#include "tests/bench/propagation/statistics.h"
#include "tests/support/command.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

constexpr std::size_t kSubscribersPerChannel = 90;  // below gRPC's streams of one connection
constexpr std::size_t kWorkerBytes = 10'000;
constexpr auto kMeasured = 10s;
constexpr auto kOpenPatience = 120s;
constexpr std::size_t kDeploys = 3;

// One PoP as the control plane sees it: Hello, a heartbeat a second, an Ack for each push, and the
// bundle, asked for and thrown away. Lives on gRPC's threads, behind its own mutex.
class Subscriber final : public grpc::ClientBidiReactor<v1::PopMessage, v1::ControlMessage> {
 public:
  Subscriber(const std::shared_ptr<grpc::Channel>& channel, std::size_t number)
      : stub_(v1::Distribution::NewStub(channel)) {
    stub_->async()->Stream(&context_, this);
    AddHold();
    v1::PopMessage message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_protocol_version(control::kProtocolVersion);
    hello.mutable_identity()->set_id(fmt::format("S{:05}", number));
    hello.set_http_address("127.0.0.1:8080");
    say(message);
    StartRead(&incoming_);
    StartCall();
  }
  ~Subscriber() override {
    context_.TryCancel();
    std::unique_lock lock(mutex_);
    if (!std::exchange(released_, true)) RemoveHold();
    ended_.wait(lock, [this] { return done_; });
  }
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  void beat() {
    v1::PopMessage message;
    message.mutable_heartbeat()->set_requests(++beats_);
    message.mutable_heartbeat()->set_memory_bytes(20'000'000);
    say(message);
  }
  [[nodiscard]] bool is_welcome() const { return welcome_; }
  [[nodiscard]] bool is_open() const { return open_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  void OnReadDone(bool ok) override {
    if (!ok) {
      open_ = false;
      const std::lock_guard lock(mutex_);
      if (!std::exchange(released_, true)) RemoveHold();
      return;
    }
    bytes_ += incoming_.ByteSizeLong();
    if (incoming_.has_welcome()) welcome_ = true;
    if (incoming_.has_push()) on_push(incoming_.push());
    if (incoming_.has_bundle_chunk()) on_chunk(incoming_.bundle_chunk());
    StartRead(&incoming_);
  }
  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    outgoing_.pop_front();
    if (ok && !outgoing_.empty()) StartWrite(&outgoing_.front());
  }
  void OnDone(const grpc::Status& /*status*/) override {
    const std::lock_guard lock(mutex_);
    open_ = false;
    done_ = true;
    ended_.notify_all();
  }

 private:
  void on_push(const v1::Push& push) {
    waiting_nonce_ = push.nonce();
    v1::PopMessage request;
    request.mutable_bundle_request()->set_sha256(push.live().shares(0).version().bundle_sha256());
    say(request);
  }
  void on_chunk(const v1::BundleChunk& chunk) {
    if (chunk.offset() + chunk.data().size() < chunk.total_bytes()) return;
    v1::PopMessage answer;
    answer.mutable_ack()->set_nonce(waiting_nonce_);
    say(answer);
  }
  void say(const v1::PopMessage& message) {
    const std::lock_guard lock(mutex_);
    if (done_ || released_) return;
    bytes_ += message.ByteSizeLong();
    outgoing_.push_back(message);
    if (outgoing_.size() == 1) StartWrite(&outgoing_.front());
  }

  std::unique_ptr<v1::Distribution::Stub> stub_;
  grpc::ClientContext context_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::deque<v1::PopMessage> outgoing_;  // the first is being written
  v1::ControlMessage incoming_;
  std::uint64_t waiting_nonce_ = 0;
  std::uint64_t beats_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<bool> welcome_ = false;
  std::atomic<bool> open_ = true;
  bool released_ = false;
  bool done_ = false;
};

using Subscribers = std::vector<std::unique_ptr<Subscriber>>;

// Beats for all of them, spread over each second.
class Beater final {
 public:
  Beater(Subscribers& subscribers, const Clock& clock)
      : thread_([this, &subscribers, &clock] {
          while (!stop_) {
            const Instant second = clock.now();
            for (std::size_t i = 0; i < subscribers.size() && !stop_; ++i) {
              subscribers[i]->beat();
              ++beats_;
              if (i % 100 != 99) continue;
              const auto due = second + 950ms * i / subscribers.size();
              static_cast<void>(wait_until([&] { return stop_ || clock.now() >= due; }));
            }
            static_cast<void>(wait_until([&] { return stop_ || clock.now() >= second + 1s; }));
          }
        }) {}
  ~Beater() {
    stop_ = true;
    thread_.join();
  }
  Beater(const Beater&) = delete;
  Beater& operator=(const Beater&) = delete;
  [[nodiscard]] std::uint64_t beats() const { return beats_; }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> beats_ = 0;
  std::thread thread_;
};

// An --insecure control plane with a database of its own; ends with the object.
struct OwnControlPlane {
  TempFolder folder;
  Child child;
  std::string address;
};
Result<OwnControlPlane> start_control_plane() {
  ISOPOP_TRY_ASSIGN(TempFolder folder, TempFolder::create("isopop-subscribers-bench-"));
  const std::filesystem::path state = folder.path() / "state";
  ISOPOP_TRY_ASSIGN(Child child, start_server("isopop-control",
                                              {"--insecure", "--state", state.string(), "--listen",
                                               "127.0.0.1:0", "--http-listen", "127.0.0.1:0"},
                                              folder.path() / "control.log"));
  const std::filesystem::path endpoint = state / "control.endpoint";
  if (!wait_until([&] { return read_file(endpoint).ok() || child.poll_exit(); }) ||
      child.poll_exit()) {
    return internal_error("the control plane does not start");
  }
  ISOPOP_TRY_ASSIGN(std::string text, read_file(endpoint));
  return OwnControlPlane{.folder = std::move(folder),
                         .child = std::move(child),
                         .address = text.substr(0, text.find('\n'))};
}

template <typename Is>
std::size_t count(const Subscribers& subscribers, Is is) {
  std::size_t number = 0;
  for (const auto& subscriber : subscribers) number += is(*subscriber) ? 1 : 0;
  return number;
}

std::uint64_t bytes_of(const Subscribers& subscribers) {
  std::uint64_t bytes = 0;
  for (const auto& subscriber : subscribers) bytes += subscriber->bytes();
  return bytes;
}

}  // namespace

Figures measure_subscribers(const SectionOptions& options) {
  const SystemClock clock;
  ISOPOP_TRY_ASSIGN(const OwnControlPlane control, start_control_plane());
  const pid_t pid = control.child.pid();
  ControlPlaneClient client(control.address, {}, {});
  ISOPOP_TRY_ASSIGN(const std::uint64_t bytes_before, resident_bytes(pid));
  Subscribers subscribers;
  std::shared_ptr<grpc::Channel> channel;
  const Instant opening = clock.now();
  for (std::size_t i = 0; i < options.subscribers; ++i) {
    if (i % kSubscribersPerChannel == 0) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
      channel =
          grpc::CreateCustomChannel(control.address, grpc::InsecureChannelCredentials(), arguments);
    }
    subscribers.push_back(std::make_unique<Subscriber>(channel, i));
  }
  const Beater beater(subscribers, clock);
  const bool all = wait_until(
      [&] {
        return count(subscribers, [](const Subscriber& it) { return it.is_welcome(); }) ==
               subscribers.size();
      },
      kOpenPatience);
  if (!all) return internal_error("not every subscriber was welcomed");
  const double opened_s = std::chrono::duration<double>(clock.now() - opening).count();

  ISOPOP_TRY_ASSIGN(const std::chrono::nanoseconds cpu_before, processor_time(pid));
  const std::uint64_t beats_before = beater.beats();
  const std::uint64_t wire_before = bytes_of(subscribers);
  const Instant start = clock.now();
  static_cast<void>(wait_until([&] { return clock.now() >= start + kMeasured; }, 2 * kMeasured));
  ISOPOP_TRY_ASSIGN(const std::chrono::nanoseconds cpu_after, processor_time(pid));
  const auto beats = static_cast<double>(beater.beats() - beats_before);
  const double cpu_us = std::chrono::duration<double, std::micro>(cpu_after - cpu_before).count();
  const auto wire = static_cast<double>(bytes_of(subscribers) - wire_before);

  std::vector<double> last_ms;
  for (std::size_t i = 0; i < kDeploys; ++i) {
    ISOPOP_TRY_ASSIGN(const v1::DeployResponse deployed,
                      client.deploy("propagation", worker_code(kWorkerBytes)));
    ISOPOP_TRY_ASSIGN(
        const v1::Convergence convergence,
        client.converged("propagation", deployed.deployment().number(), subscribers.size()));
    last_ms.push_back(
        convergence.acked().empty() ? 0 : convergence.acked(convergence.acked_size() - 1).ack_ms());
  }
  ISOPOP_TRY_ASSIGN(const std::uint64_t bytes_after, resident_bytes(pid));
  const auto lost =
      subscribers.size() - count(subscribers, [](const Subscriber& it) { return it.is_open(); });
  const auto number = static_cast<double>(subscribers.size());
  return Json{{"subscribers", subscribers.size()},
              {"opened_s", opened_s},
              {"lost", lost},
              {"lost_aim", 0},
              {"heartbeats_per_s", beats / std::chrono::duration<double>(kMeasured).count()},
              {"cpu_us_per_heartbeat", cpu_us / beats},
              {"message_bytes_per_heartbeat", wire / beats},
              {"resident_bytes_per_subscriber",
               static_cast<double>(bytes_after - std::min(bytes_before, bytes_after)) / number},
              {"last_ack_ms", summary(std::move(last_ms))}};
}

}  // namespace isopop::test
