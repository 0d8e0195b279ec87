#include "pop_node/rpc/distribution_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include "common/log/log.h"
#include "common/random/random.h"
#include "common/rpc/rpc.h"
#include "common/rpc/tls_credentials.h"
#include "isopop/v1/distribution.grpc.pb.h"

namespace isopop::pop {
namespace {

using std::chrono::milliseconds;

enum class Step { kStarted, kRead, kWritten, kFinished };

// One call and its messages. gRPC writes into it, so it lives until every step that was begun has
// come out of the queue.
struct Stream {
  explicit Stream(WorkerCatalog& catalog) : session(catalog) {}

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::PopMessage, v1::ControlMessage>> call;
  DistributionSession session;
  v1::ControlMessage incoming;
  std::deque<v1::PopMessage> outgoing;  // the first is being written
  grpc::Status status;
  std::optional<Error> given_up;  // why we ended it ourselves
  Instant heard_at{};
  bool is_started = false;
  bool is_finishing = false;
  bool has_told_sandbox = false;
};

// As gRPC names it, "ipv4:10.220.0.2:7070" or "ipv6:%5B::1%5D:7070", without what is around it.
std::string peer_address(std::string peer) {
  peer.erase(0, peer.find(':') + 1);
  for (const auto& [coded, plain] : {std::pair("%5B", "["), std::pair("%5D", "]")}) {
    if (const std::size_t at = peer.find(coded); at != std::string::npos)
      peer.replace(at, 3, plain);
  }
  return peer;
}

// What travels through the queue: which step of the stream, answered by ok or not.
struct Tag {
  std::shared_ptr<Stream> stream;
  Step step;
};

}  // namespace

class DistributionClient::Impl final : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, const Clock& clock, WorkerCatalog& catalog,
       DistributionClientOptions options, HeartbeatSource heartbeat)
      : io_(io),
        clock_(clock),
        catalog_(catalog),
        options_(std::move(options)),
        heartbeat_(std::move(heartbeat)),
        retry_(io),
        beat_(io),
        jitter_(entropy64(), "pop_node/distribution/" + options_.description.identity.id()),
        backoff_(options_.backoff_min) {}

  void start() {
    thread_ = std::jthread([this, weak = weak_from_this()] { pump(weak); });
    open();
    beat();
  }

  void stop() {
    is_stopped_ = true;
    retry_.cancel();
    beat_.cancel();
    if (stream_ != nullptr) stream_->context.TryCancel();
    queue_.Shutdown();
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] bool was_complete() const { return was_complete_; }
  [[nodiscard]] bool is_connected() const {
    return stream_ != nullptr && stream_->session.is_welcome();
  }

 private:
  // The queue's thread: converts and posts, nothing else.
  void pump(const std::weak_ptr<Impl>& weak) {
    void* raw = nullptr;
    bool ok = false;
    while (queue_.Next(&raw, &ok)) {
      std::shared_ptr<Tag> tag(static_cast<Tag*>(raw));
      asio::post(io_, [weak, tag, ok] {
        const auto self = weak.lock();
        if (self && !self->is_stopped_) self->on_step(*tag, ok);
      });
    }
  }

  // gRPC carries a bare pointer; pump() takes it back into an owner.
  void* tag(Step step) { return std::make_unique<Tag>(Tag{stream_, step}).release(); }

  // A channel of its own each time: one that has failed looks a name up again only when it thinks
  // fit, up to two minutes later, and a control plane that was started again elsewhere has another
  // address.
  void open() {
    stub_ = v1::Distribution::NewStub(rpc::connect(options_.control_address, options_.tls));
    stream_ = std::make_shared<Stream>(catalog_);
    stream_->call = stub_->PrepareAsyncStream(&stream_->context, &queue_);
    stream_->call->StartCall(tag(Step::kStarted));
  }

  void on_step(const Tag& tag, bool ok) {
    if (tag.stream != stream_) return;
    switch (tag.step) {
      case Step::kStarted:
        if (!ok) return finish();
        stream_->is_started = true;
        greet();
        break;
      case Step::kRead:
        if (!ok) return finish();
        on_message();
        break;
      case Step::kWritten:
        if (!ok) return;  // the read fails too, and finishes
        stream_->outgoing.pop_front();
        if (!stream_->outgoing.empty()) write();
        break;
      case Step::kFinished:
        on_finished();
        break;
    }
  }

  void greet() {
    // Who was really connected to is known now, so that nothing needs to be looked up.
    Result<std::string> address = options_.address.told_to(peer_address(stream_->context.peer()));
    if (!address.ok()) {
      give_up(address.error().with_context("find the address to tell the control plane"));
      finish();
      return;
    }
    options_.description.http_address = std::move(address).value();
    send(stream_->session.hello(options_.description));
    read();
  }

  void read() { stream_->call->Read(&stream_->incoming, tag(Step::kRead)); }
  void write() { stream_->call->Write(stream_->outgoing.front(), tag(Step::kWritten)); }

  void send(v1::PopMessage message) {
    stream_->outgoing.push_back(std::move(message));
    if (stream_->outgoing.size() == 1) write();
  }

  void finish() {
    if (std::exchange(stream_->is_finishing, true)) return;
    stream_->call->Finish(&stream_->status, tag(Step::kFinished));
  }

  void give_up(Error error) {
    if (!stream_->given_up) stream_->given_up = std::move(error);
    stream_->context.TryCancel();
  }

  void on_message() {
    stream_->heard_at = clock_.now();
    const bool was_welcome = stream_->session.is_welcome();
    Result<std::vector<v1::PopMessage>> answers =
        stream_->session.on_message(std::move(stream_->incoming));
    if (!answers.ok()) {
      give_up(answers.error());
      finish();
      return;
    }
    if (!was_welcome && stream_->session.is_welcome()) {
      log_info("connected to the control plane at {}", options_.control_address);
      backoff_ = options_.backoff_min;
      has_complained_ = false;
      said_about_tls_.clear();
    }
    for (v1::PopMessage& answer : answers.value()) {
      if (answer.has_nack()) log_warning("rejected a push: {}", answer.nack().error());
      send(std::move(answer));
    }
    was_complete_ = was_complete_ || stream_->session.is_complete();
    read();
  }

  void on_finished() {
    const Error error = stream_->given_up.value_or(rpc::to_error(stream_->status));
    const std::string about_tls = rpc::explain_tls(stream_->status, options_.tls);
    const bool was_refused = error.code == ErrorCode::kPermissionDenied;
    stream_.reset();
    milliseconds delay = backoff_;
    if (was_refused) {
      delay = options_.refused_backoff;
      log_error("the control plane at {} refuses this PoP: {}", options_.control_address,
                error.message);
    } else {
      complain(error, about_tls);
      backoff_ = std::min(backoff_ * 2, options_.backoff_max);
    }
    const auto jittered =
        std::chrono::duration_cast<milliseconds>(delay * (0.5 + 0.5 * jitter_.uniform()));
    retry_.expires_after(jittered);
    retry_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
      const auto self = weak.lock();
      if (!cancelled && self && !self->is_stopped_) self->open();
    });
  }

  // Once an outage, not once a try; and once more when it turns out to be a matter of TLS.
  void complain(const Error& error, const std::string& about_tls) {
    const bool is_news =
        !about_tls.empty() && std::exchange(said_about_tls_, about_tls) != about_tls;
    if (std::exchange(has_complained_, true) && !is_news) return;
    log_warning("no control plane at {} ({}); serving what is here and trying on",
                options_.control_address, about_tls.empty() ? error.message : about_tls);
  }

  void beat() {
    beat_.expires_after(options_.heartbeat_period);
    beat_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
      const auto self = weak.lock();
      if (cancelled || !self || self->is_stopped_) return;
      self->send_heartbeat();
      self->beat();
    });
  }

  void send_heartbeat() {
    if (!is_connected() || stream_->is_finishing) return;
    if (stream_->session.is_fetching() &&
        clock_.now() - stream_->heard_at > options_.fetch_timeout) {
      give_up(Error{ErrorCode::kDeadlineExceeded, "a bundle that was asked for did not come"});
      return;
    }
    // One behind another would tell nothing new.
    if (!stream_->outgoing.empty()) return;
    v1::PopMessage message;
    v1::Heartbeat& heartbeat = *message.mutable_heartbeat();
    heartbeat = heartbeat_();
    // It stays as it is: once a stream is enough.
    if (stream_->has_told_sandbox) heartbeat.clear_sandbox();
    stream_->has_told_sandbox = stream_->has_told_sandbox || heartbeat.has_sandbox();
    send(std::move(message));
  }

  asio::io_context& io_;
  const Clock& clock_;
  WorkerCatalog& catalog_;
  DistributionClientOptions options_;
  HeartbeatSource heartbeat_;
  std::unique_ptr<v1::Distribution::Stub> stub_;
  grpc::CompletionQueue queue_;
  asio::steady_timer retry_;
  asio::steady_timer beat_;
  RandomStream jitter_;
  milliseconds backoff_;
  std::shared_ptr<Stream> stream_;
  bool was_complete_ = false;
  bool has_complained_ = false;
  std::string said_about_tls_;
  bool is_stopped_ = false;
  std::jthread thread_;
};

DistributionClient::DistributionClient(asio::io_context& io, const Clock& clock,
                                       WorkerCatalog& catalog, DistributionClientOptions options,
                                       HeartbeatSource heartbeat)
    : impl_(std::make_shared<Impl>(io, clock, catalog, std::move(options), std::move(heartbeat))) {}

DistributionClient::~DistributionClient() {
  impl_->stop();
}

void DistributionClient::start() {
  impl_->start();
}

bool DistributionClient::was_complete() const {
  return impl_->was_complete();
}

bool DistributionClient::is_connected() const {
  return impl_->is_connected();
}

}  // namespace isopop::pop
