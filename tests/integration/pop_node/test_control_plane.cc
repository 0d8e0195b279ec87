#include "tests/integration/pop_node/test_control_plane.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "common/random/random.h"
#include "common/rpc/rpc.h"
#include "isopop/v1/distribution.grpc.pb.h"
#include "tests/unit/pop_node/test_versions.h"

namespace isopop::pop {
namespace {

constexpr std::chrono::seconds kAnswerDeadline{20};
constexpr std::size_t kChunkBytes = 256 * 1024;

using Stream = grpc::ServerReaderWriter<v1::ControlMessage, v1::PopMessage>;

}  // namespace

TestWorker make_worker(const std::string& name, std::uint64_t number, const std::string& source,
                       v1::Isolation isolation) {
  VersionWithCode made = make_version(name, number, source);
  TestWorker worker;
  worker.bundle = std::move(made.bundle);
  worker.version = std::move(made.version);
  worker.version.set_id(random_hex(16));
  worker.version.mutable_settings()->set_isolation(isolation);
  return worker;
}

class TestControlPlane::Service final : public v1::Distribution::Service {
 public:
  explicit Service(const std::string& address) {
    Result<std::unique_ptr<rpc::Server>> server = rpc::Server::create(address, {this});
    server_ = std::move(server).value();
  }

  void stop() { server_->shutdown(std::chrono::milliseconds(0)); }
  [[nodiscard]] const std::string& address() const { return server_->address(); }

  grpc::Status Stream(grpc::ServerContext* /*context*/, pop::Stream* stream) override {
    v1::PopMessage message;
    if (!stream->Read(&message) || !message.has_hello()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "no Hello"};
    }
    {
      std::unique_lock lock(mutex_);
      ++streams_;
      v1::ControlMessage first;
      if (refusal_) {
        first.mutable_refusal()->set_reason(*refusal_);
        stream->Write(first);
        return grpc::Status::OK;
      }
      stream_ = stream;
      sequence_ = 0;
      hello_ = message.hello();
      std::vector<v1::Assignment> missing;
      for (const auto& [name, live] : live_) {
        const auto holds = [&live = live](const v1::HeldVersion& held) {
          return held.worker() == live.worker() && held.deployment() == live.deployment();
        };
        const auto& held = message.hello().held();
        if (std::none_of(held.begin(), held.end(), holds)) missing.push_back(live);
      }
      first.mutable_welcome()->set_protocol_version(protocol_version_);
      first.mutable_welcome()->set_workers(missing.size());
      stream->Write(first);
      for (const v1::Assignment& live : missing) {
        v1::Push change;
        *change.mutable_live() = live;
        push(change);
      }
      changed_.notify_all();
    }
    while (stream->Read(&message) && on_message(message, *stream)) {
    }
    const std::unique_lock lock(mutex_);
    if (stream_ == stream) stream_ = nullptr;
    return grpc::Status::OK;
  }

  Result<Answer> ask(const v1::Push& change) {
    std::unique_lock lock(mutex_);
    if (stream_ == nullptr) return unavailable("no PoP is connected");
    const std::uint64_t nonce = push(change);
    const bool answered =
        changed_.wait_for(lock, kAnswerDeadline, [&] { return answers_.contains(nonce); });
    if (!answered) return Error{ErrorCode::kDeadlineExceeded, "the PoP did not answer a push"};
    return answers_.at(nonce);
  }

  void keep(const TestWorker& worker) { keep(assign(worker.version), {worker}); }
  void keep(const v1::Assignment& assignment, const std::vector<TestWorker>& code) {
    const std::unique_lock lock(mutex_);
    live_[assignment.worker()] = assignment;
    for (const TestWorker& one : code) bundles_[one.version.bundle_sha256()] = one.bundle;
  }
  bool send(const v1::ControlMessage& message) {
    const std::unique_lock lock(mutex_);
    return stream_ != nullptr && stream_->Write(message);
  }
  template <typename T>
  [[nodiscard]] T copy_of(T Service::* member) {
    const std::unique_lock lock(mutex_);
    return this->*member;
  }
  template <typename T>
  void set(T Service::* member, T value) {
    const std::unique_lock lock(mutex_);
    this->*member = std::move(value);
  }
  void forget(const std::string& name) {
    const std::unique_lock lock(mutex_);
    live_.erase(name);
  }
  void refuse(const std::string& reason) {
    const std::unique_lock lock(mutex_);
    refusal_ = reason;
  }
  bool wait_connected(std::chrono::milliseconds deadline) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, deadline, [&] { return stream_ != nullptr; });
  }

  std::uint64_t heartbeats_ = 0;
  std::uint64_t streams_ = 0;
  std::uint64_t bundles_sent_ = 0;
  std::uint32_t protocol_version_ = 2;
  std::optional<std::size_t> cut_after_;
  std::vector<v1::SandboxReport> sandboxes_;
  std::vector<v1::WorkerFigures> figures_;
  std::vector<v1::TailEvents> tail_events_;
  std::vector<v1::BundleRequest> bundle_requests_;
  v1::Heartbeat heartbeat_;
  v1::Hello hello_;

 private:
  // False: the stream is to end.
  bool on_message(const v1::PopMessage& message, pop::Stream& stream) {
    const std::unique_lock lock(mutex_);
    bool goes_on = true;
    if (message.has_heartbeat()) {
      ++heartbeats_;
      heartbeat_ = message.heartbeat();
      for (const v1::WorkerFigures& one : heartbeat_.figures()) figures_.push_back(one);
    }
    if (message.has_tail_events()) tail_events_.push_back(message.tail_events());
    if (message.heartbeat().has_sandbox()) sandboxes_.push_back(message.heartbeat().sandbox());
    if (message.has_ack()) answers_[message.ack().nonce()] = {.acked = true};
    if (message.has_nack()) {
      answers_[message.nack().nonce()] = {.acked = false,
                                          .kept_number = message.nack().kept_number(),
                                          .error = message.nack().error()};
    }
    if (message.has_bundle_request()) goes_on = send_bundle(message.bundle_request(), stream);
    changed_.notify_all();
    return goes_on;
  }

  bool send_bundle(const v1::BundleRequest& request, pop::Stream& stream) {
    const std::string& bytes = bundles_[request.sha256()];
    ++bundles_sent_;
    bundle_requests_.push_back(request);
    for (std::size_t offset = request.offset(); offset < bytes.size(); offset += kChunkBytes) {
      v1::ControlMessage message;
      v1::BundleChunk& chunk = *message.mutable_bundle_chunk();
      chunk.set_sha256(request.sha256());
      chunk.set_offset(offset);
      chunk.set_total_bytes(bytes.size());
      chunk.set_data(bytes.substr(offset, kChunkBytes));
      stream.Write(message);
      if (cut_after_ && offset + kChunkBytes >= *cut_after_) {
        cut_after_.reset();
        return false;
      }
    }
    return true;
  }

  std::uint64_t push(v1::Push change) {
    change.set_nonce(++nonce_);
    change.set_sequence(++sequence_);
    v1::ControlMessage message;
    *message.mutable_push() = std::move(change);
    stream_->Write(message);
    return nonce_;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  pop::Stream* stream_ = nullptr;
  std::uint64_t nonce_ = 0;
  std::uint64_t sequence_ = 0;
  std::optional<std::string> refusal_;
  std::map<std::string, v1::Assignment> live_;
  std::map<std::string, std::string> bundles_;
  std::map<std::uint64_t, Answer> answers_;
  std::unique_ptr<rpc::Server> server_;
};

TestControlPlane::TestControlPlane(const std::string& address)
    : service_(std::make_unique<Service>(address)) {}

TestControlPlane::~TestControlPlane() {
  service_->stop();
}

const std::string& TestControlPlane::address() const {
  return service_->address();
}

Result<TestControlPlane::Answer> TestControlPlane::deploy(const TestWorker& worker) {
  return deploy(assign(worker.version), {worker});
}

Result<TestControlPlane::Answer> TestControlPlane::deploy(const v1::Assignment& assignment,
                                                          const std::vector<TestWorker>& code) {
  service_->keep(assignment, code);
  v1::Push change;
  *change.mutable_live() = assignment;
  return service_->ask(change);
}

bool TestControlPlane::send(const v1::ControlMessage& message) {
  return service_->send(message);
}

void TestControlPlane::cut_bundle_after(std::size_t bytes) {
  service_->set(&Service::cut_after_, std::optional(bytes));
}

void TestControlPlane::speak_protocol(std::uint32_t version) {
  service_->set(&Service::protocol_version_, version);
}

std::vector<v1::WorkerFigures> TestControlPlane::figures() const {
  return service_->copy_of(&Service::figures_);
}

std::vector<v1::TailEvents> TestControlPlane::tail_events() const {
  return service_->copy_of(&Service::tail_events_);
}

std::vector<v1::BundleRequest> TestControlPlane::bundle_requests() const {
  return service_->copy_of(&Service::bundle_requests_);
}

v1::Heartbeat TestControlPlane::heartbeat() const {
  return service_->copy_of(&Service::heartbeat_);
}

v1::Hello TestControlPlane::hello() const {
  return service_->copy_of(&Service::hello_);
}

Result<TestControlPlane::Answer> TestControlPlane::deploy_damaged(TestWorker worker) {
  worker.bundle.back() = static_cast<char>(worker.bundle.back() ^ 1);
  return deploy(worker);
}

Result<TestControlPlane::Answer> TestControlPlane::remove(const std::string& name) {
  service_->forget(name);
  v1::Push change;
  change.set_removed(name);
  return service_->ask(change);
}

void TestControlPlane::set_live(const TestWorker& worker) {
  service_->keep(worker);
}

void TestControlPlane::refuse(const std::string& reason) {
  service_->refuse(reason);
}

bool TestControlPlane::wait_connected(std::chrono::milliseconds deadline) {
  return service_->wait_connected(deadline);
}

std::uint64_t TestControlPlane::heartbeats() const {
  return service_->copy_of(&Service::heartbeats_);
}

std::vector<v1::SandboxReport> TestControlPlane::sandboxes() const {
  return service_->copy_of(&Service::sandboxes_);
}

std::uint64_t TestControlPlane::streams() const {
  return service_->copy_of(&Service::streams_);
}

std::uint64_t TestControlPlane::bundles_sent() const {
  return service_->copy_of(&Service::bundles_sent_);
}

}  // namespace isopop::pop
