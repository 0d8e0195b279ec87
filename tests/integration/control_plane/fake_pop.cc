#include "tests/integration/control_plane/fake_pop.h"

#include <chrono>

#include "common/hash/hash.h"
#include "common/rpc/rpc.h"
#include "tests/support/wait.h"

namespace isopop::control::test {

FakePop::FakePop(const std::string& endpoint, Options options)
    : options_(std::move(options)),
      stub_(v1::Distribution::NewStub(rpc::connect(endpoint))),
      stream_(stub_->Stream(&context_)) {
  v1::PopMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_protocol_version(options_.protocol_version);
  hello.mutable_identity()->set_id(options_.id);
  hello.mutable_identity()->set_city("Amsterdam");
  hello.mutable_identity()->set_country("NL");
  hello.mutable_identity()->set_region(options_.region);
  hello.mutable_identity()->set_latitude_deg(52.3);
  hello.mutable_identity()->set_longitude_deg(4.76);
  hello.set_http_address("127.0.0.1:8080");
  for (const v1::HeldVersion& held : options_.held) {
    *hello.add_held() = held;
    state_.held[held.worker()] = held;
  }
  write(message);
  reader_ = std::thread([this] { read_loop(); });
  if (options_.heartbeats) beater_ = std::thread([this] { beat_loop(); });
}

FakePop::~FakePop() {
  stopping_ = true;
  context_.TryCancel();
  reader_.join();
  if (beater_.joinable()) beater_.join();
  stream_->Finish();
}

void FakePop::write(const v1::PopMessage& message) {
  const std::lock_guard lock(write_mutex_);
  stream_->Write(message);
}

void FakePop::beat_loop() {
  v1::PopMessage beat;
  beat.mutable_heartbeat()->set_requests(1);
  *beat.mutable_heartbeat()->mutable_sandbox() = options_.sandbox;
  while (open_ && !stopping_) {
    beat.mutable_heartbeat()->clear_figures();
    for (const v1::HeldVersion& held : this->held()) {
      const auto figures = options_.does.find(held.number());
      if (figures == options_.does.end()) continue;
      v1::WorkerFigures& told = *beat.mutable_heartbeat()->add_figures();
      told = figures->second;
      told.set_worker(held.worker());
      told.set_number(held.number());
    }
    write(beat);
    static_cast<void>(isopop::test::wait_until([this] { return stopping_ || !open_; },
                                               std::chrono::milliseconds(500)));
  }
}

void FakePop::read_loop() {
  v1::ControlMessage message;
  while (stream_->Read(&message)) {
    if (message.has_push()) on_push(message.push());
    if (message.has_bundle_chunk()) on_chunk(message.bundle_chunk());
    const std::lock_guard lock(mutex_);
    if (message.has_welcome()) state_.welcomed_with = message.welcome().workers();
    if (message.has_refusal()) state_.refusal = message.refusal().reason();
  }
  open_ = false;
}

void FakePop::on_push(const v1::Push& push) {
  {
    const std::lock_guard lock(mutex_);
    state_.pushes.push_back(push);
    const std::string sha256 =
        push.has_live() ? push.live().shares(0).version().bundle_sha256() : std::string();
    if (options_.fetches_bundles && push.has_live() && !state_.bundles.contains(sha256)) {
      state_.waiting[sha256] = push;
      v1::PopMessage request;
      request.mutable_bundle_request()->set_sha256(sha256);
      write(request);
      return;
    }
  }
  answer(push);
}

void FakePop::on_chunk(const v1::BundleChunk& chunk) {
  std::optional<v1::Push> complete;
  {
    const std::lock_guard lock(mutex_);
    std::string& bytes = state_.bundles[chunk.sha256()];
    if (chunk.offset() != bytes.size()) return;  // never answered: the test sees it
    bytes += chunk.data();
    if (bytes.size() == chunk.total_bytes() && sha256_hex(bytes) == chunk.sha256()) {
      complete = state_.waiting.at(chunk.sha256());
    }
  }
  if (complete) answer(*complete);
}

bool FakePop::rejects(const v1::Push& push) const {
  if (options_.answer == Answer::kNack) return true;
  return push.has_live() && options_.rejects.contains(push.live().shares(0).version().number());
}

void FakePop::answer(const v1::Push& push) {
  v1::PopMessage message;
  const std::string& worker = push.has_live() ? push.live().worker() : push.removed();
  {
    const std::lock_guard lock(mutex_);
    if (options_.answer == Answer::kNothing) return;
    if (rejects(push)) {
      const auto kept = state_.held.find(worker);
      message.mutable_nack()->set_nonce(push.nonce());
      message.mutable_nack()->set_kept_number(kept == state_.held.end() ? 0
                                                                        : kept->second.number());
      message.mutable_nack()->set_error("not here");
    } else {
      message.mutable_ack()->set_nonce(push.nonce());
      if (push.has_live()) {
        v1::HeldVersion& held = state_.held[worker];
        held.set_worker(worker);
        held.set_number(push.live().shares(0).version().number());
        held.set_bundle_sha256(push.live().shares(0).version().bundle_sha256());
        held.set_deployment(push.live().deployment());
        held.set_digest(push.live().digest());
      } else {
        state_.held.erase(worker);
      }
    }
  }
  write(message);
}

std::map<std::string, std::uint64_t> FakePop::versions() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::uint64_t> versions;
  for (const auto& [worker, held] : state_.held) versions[worker] = held.number();
  return versions;
}
std::vector<v1::HeldVersion> FakePop::held() const {
  const std::lock_guard lock(mutex_);
  std::vector<v1::HeldVersion> held;
  for (const auto& [worker, version] : state_.held) held.push_back(version);
  return held;
}
std::vector<v1::Push> FakePop::pushes() const {
  const std::lock_guard lock(mutex_);
  return state_.pushes;
}
std::optional<std::uint64_t> FakePop::welcomed_with() const {
  const std::lock_guard lock(mutex_);
  return state_.welcomed_with;
}
std::string FakePop::refusal() const {
  const std::lock_guard lock(mutex_);
  return state_.refusal;
}
std::map<std::string, std::string> FakePop::bundles() const {
  const std::lock_guard lock(mutex_);
  return state_.bundles;
}

}  // namespace isopop::control::test
