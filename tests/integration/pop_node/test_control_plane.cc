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

v1::Assignment alone(const v1::WorkerVersion& version) {
  v1::Assignment assignment;
  assignment.set_worker(version.worker());
  assignment.set_deployment(version.number());
  v1::Share& share = *assignment.add_shares();
  *share.mutable_version() = version;
  share.set_weight(10'000);
  return assignment;
}

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
      std::vector<TestWorker> missing;
      for (const auto& [name, worker] : live_) {
        const auto holds = [&version = worker.version](const v1::HeldVersion& held) {
          return held.worker() == version.worker() && held.number() == version.number();
        };
        const auto& held = message.hello().held();
        if (std::none_of(held.begin(), held.end(), holds)) missing.push_back(worker);
      }
      first.mutable_welcome()->set_protocol_version(1);
      first.mutable_welcome()->set_workers(missing.size());
      stream->Write(first);
      for (const TestWorker& worker : missing) push(worker);
      changed_.notify_all();
    }
    while (stream->Read(&message)) on_message(message, *stream);
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

  void keep(const TestWorker& worker) {
    const std::unique_lock lock(mutex_);
    live_[worker.version.worker()] = worker;
    bundles_[worker.version.bundle_sha256()] = worker.bundle;
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
  [[nodiscard]] std::uint64_t read(std::uint64_t Service::* counter) {
    const std::unique_lock lock(mutex_);
    return this->*counter;
  }

  [[nodiscard]] std::vector<v1::SandboxReport> sandboxes() {
    const std::unique_lock lock(mutex_);
    return sandboxes_;
  }

  std::uint64_t heartbeats_ = 0;
  std::uint64_t streams_ = 0;
  std::uint64_t bundles_sent_ = 0;

 private:
  void on_message(const v1::PopMessage& message, pop::Stream& stream) {
    const std::unique_lock lock(mutex_);
    if (message.has_heartbeat()) ++heartbeats_;
    if (message.heartbeat().has_sandbox()) sandboxes_.push_back(message.heartbeat().sandbox());
    if (message.has_ack()) answers_[message.ack().nonce()] = {.acked = true};
    if (message.has_nack()) {
      answers_[message.nack().nonce()] = {.acked = false,
                                          .kept_number = message.nack().kept_number(),
                                          .error = message.nack().error()};
    }
    if (message.has_bundle_request()) send_bundle(message.bundle_request(), stream);
    changed_.notify_all();
  }

  void send_bundle(const v1::BundleRequest& request, pop::Stream& stream) {
    const std::string& bytes = bundles_[request.sha256()];
    ++bundles_sent_;
    for (std::size_t offset = request.offset(); offset < bytes.size(); offset += kChunkBytes) {
      v1::ControlMessage message;
      v1::BundleChunk& chunk = *message.mutable_bundle_chunk();
      chunk.set_sha256(request.sha256());
      chunk.set_offset(offset);
      chunk.set_total_bytes(bytes.size());
      chunk.set_data(bytes.substr(offset, kChunkBytes));
      stream.Write(message);
    }
  }

  std::uint64_t push(const TestWorker& worker) {
    v1::Push change;
    *change.mutable_live() = alone(worker.version);
    return push(change);
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
  std::map<std::string, TestWorker> live_;
  std::map<std::string, std::string> bundles_;
  std::map<std::uint64_t, Answer> answers_;
  std::vector<v1::SandboxReport> sandboxes_;
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
  service_->keep(worker);
  v1::Push change;
  *change.mutable_live() = alone(worker.version);
  return service_->ask(change);
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
  return service_->read(&Service::heartbeats_);
}

std::vector<v1::SandboxReport> TestControlPlane::sandboxes() const {
  return service_->sandboxes();
}

std::uint64_t TestControlPlane::streams() const {
  return service_->read(&Service::streams_);
}

std::uint64_t TestControlPlane::bundles_sent() const {
  return service_->read(&Service::bundles_sent_);
}

}  // namespace isopop::pop
