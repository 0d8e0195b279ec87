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
#include "pop_node/rpc/delay_line.h"

namespace isopop::pop {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTailPeriod{250};
// No more of a tail's events are taken while so many messages wait to be written.
constexpr std::size_t kOutgoingForTailsMax = 4;

enum class Step { kStarted, kRead, kWritten, kFinished };

// One call and its messages. gRPC writes into it, so it lives until every step that was begun has
// come out of the queue.
struct Stream {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::PopMessage, v1::ControlMessage>> call;
  // Gone before the stream is: gRPC may hold on to that for longer than there is a catalog.
  std::unique_ptr<DistributionSession> session;
  v1::ControlMessage incoming;
  std::deque<v1::PopMessage> outgoing;  // the first is being written
  grpc::Status status;
  std::optional<Error> given_up;  // why we ended it ourselves
  Instant heard_at{};
  bool is_reading = false;
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
       DistributionClientOptions options, DistributionPorts ports)
      : io_(io),
        clock_(clock),
        catalog_(catalog),
        options_(std::move(options)),
        ports_(std::move(ports)),
        to_control_(io, clock, options_.round_trip / 2),
        from_control_(io, clock, options_.round_trip / 2),
        retry_(io),
        beat_(io),
        tail_(io),
        reconnect_(options_.reconnect,
                   RandomStream(entropy64(),
                                "pop_node/distribution/" + options_.description.identity.id())) {}

  void start() {
    thread_ = std::jthread([this, weak = weak_from_this()] { pump(weak); });
    open();
    beat();
  }

  void stop() {
    is_stopped_ = true;
    retry_.cancel();
    beat_.cancel();
    tail_.cancel();
    if (stream_ != nullptr) {
      stream_->context.TryCancel();
      stream_->session.reset();
    }
    queue_.Shutdown();
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] bool was_complete() const { return was_complete_; }
  [[nodiscard]] bool is_connected() const {
    return stream_ != nullptr && stream_->session->is_welcome();
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
    stream_ = std::make_shared<Stream>();
    stream_->session = std::make_unique<DistributionSession>(
        catalog_, fetches_,
        [this](DistributionSession::Trial trial) { begin_trial(std::move(trial)); });
    stream_->call = stub_->PrepareAsyncStream(&stream_->context, &queue_);
    stream_->call->StartCall(tag(Step::kStarted));
  }

  void on_step(const Tag& tag, bool ok) {
    if (tag.stream != stream_) return;
    switch (tag.step) {
      case Step::kStarted:
        if (!ok) return finish();
        greet_later();
        break;
      case Step::kRead:
        stream_->is_reading = false;
        if (!ok) return finish();
        take_message();
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

  // gRPC's own shaking of hands took no time.
  void greet_later() {
    if (options_.round_trip == options_.round_trip.zero()) return greet();
    retry_.expires_after(
        std::chrono::duration_cast<std::chrono::steady_clock::duration>(2 * options_.round_trip));
    retry_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
      const auto self = weak.lock();
      if (!cancelled && self && !self->is_stopped_) self->greet();
    });
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
    send(stream_->session->hello(options_.description));
    read();
  }

  void read() {
    stream_->is_reading = true;
    stream_->call->Read(&stream_->incoming, tag(Step::kRead));
  }
  void write() { stream_->call->Write(stream_->outgoing.front(), tag(Step::kWritten)); }

  void send(v1::PopMessage message) {
    // The line is a member and its arrivals end with it; the stream may be another by then.
    to_control_.send(
        [this, stream = stream_, sent = std::make_shared<v1::PopMessage>(std::move(message))] {
          if (stream != stream_ || stream->is_finishing) return;
          stream->outgoing.push_back(std::move(*sent));
          if (stream->outgoing.size() == 1) write();
        });
  }
  void send(std::vector<v1::PopMessage> messages) {
    for (v1::PopMessage& message : messages) {
      if (message.has_nack()) log_warning("rejected a push: {}", message.nack().error());
      send(std::move(message));
    }
  }

  void finish() {
    if (std::exchange(stream_->is_finishing, true)) return;
    stream_->call->Finish(&stream_->status, tag(Step::kFinished));
  }

  void give_up(Error error) {
    if (!stream_->given_up) stream_->given_up = std::move(error);
    stream_->context.TryCancel();
  }

  void take_message() {
    stream_->heard_at = clock_.now();
    from_control_.send(
        [this, stream = stream_,
         message = std::make_shared<v1::ControlMessage>(std::move(stream_->incoming))] {
          if (stream == stream_ && !stream->is_finishing) on_message(std::move(*message));
        });
    if (!stream_->is_finishing) read();
  }

  void on_message(v1::ControlMessage message) {
    if (is_connected()) on_side_message(message);
    const bool was_welcome = stream_->session->is_welcome();
    Result<DistributionSession::Answers> answers = stream_->session->on_message(std::move(message));
    if (!answers.ok()) {
      give_up(answers.error());
      // Else the read fails now, and finishes.
      if (!stream_->is_reading) finish();
      return;
    }
    if (!was_welcome && stream_->session->is_welcome()) on_welcome();
    send(std::move(answers).value());
    was_complete_ = was_complete_ || stream_->session->is_complete();
  }

  void on_welcome() {
    log_info("connected to the control plane at {}", options_.control_address);
    reconnect_.reset();
    has_complained_ = false;
    said_about_tls_.clear();
    ports_.stream_began();
  }

  // What is not about workers.
  void on_side_message(const v1::ControlMessage& message) {
    if (message.has_tail_start()) {
      ports_.start_tail(message.tail_start());
      if (!std::exchange(is_tailing_, true)) send_tails();
    }
    if (message.has_tail_stop()) ports_.stop_tail(message.tail_stop().id());
    if (message.has_kv_invalidations()) ports_.kv_invalidations(message.kv_invalidations());
    if (message.has_outage()) ports_.outage(message.outage());
  }

  void begin_trial(DistributionSession::Trial trial) {
    ports_.try_versions(
        std::move(trial.versions),
        [weak = weak_from_this(), stream = std::weak_ptr(stream_), worker = trial.worker,
         nonce = trial.nonce](const Result<void>& outcome) {
          const auto self = weak.lock();
          if (!self || self->is_stopped_ || self->stream_ != stream.lock()) return;
          if (self->stream_ == nullptr) return;
          self->send(self->stream_->session->on_trial_ended(worker, nonce, outcome));
          self->was_complete_ = self->was_complete_ || self->stream_->session->is_complete();
        });
  }

  void on_finished() {
    const Error error = stream_->given_up.value_or(rpc::to_error(stream_->status));
    const std::string about_tls = rpc::explain_tls(stream_->status, options_.tls);
    const bool was_refused = error.code == ErrorCode::kPermissionDenied;
    const bool was_connected = is_connected();
    stream_->session.reset();
    stream_.reset();
    fetches_.stream_ended();
    if (was_connected) ports_.stream_ended();
    if (was_refused) {
      log_error("the control plane at {} refuses this PoP: {}", options_.control_address,
                error.message);
    } else {
      complain(error, about_tls);
    }
    retry_.expires_after(was_refused ? reconnect_.drawn(options_.refused_backoff)
                                     : reconnect_.next());
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
    if (stream_->session->is_fetching() &&
        clock_.now() - stream_->heard_at > options_.fetch_timeout) {
      give_up(Error{ErrorCode::kDeadlineExceeded, "a bundle that was asked for did not come"});
      return;
    }
    // One behind another would tell nothing new.
    if (!stream_->outgoing.empty()) return;
    v1::PopMessage message;
    v1::Heartbeat& heartbeat = *message.mutable_heartbeat();
    heartbeat = ports_.heartbeat();
    // It stays as it is: once a stream is enough.
    if (stream_->has_told_sandbox) heartbeat.clear_sandbox();
    stream_->has_told_sandbox = stream_->has_told_sandbox || heartbeat.has_sandbox();
    send(std::move(message));
  }

  // As long as there are any.
  void send_tails() {
    is_tailing_ = is_connected() && ports_.has_tails();
    if (!is_tailing_) return;
    tail_.expires_after(kTailPeriod);
    tail_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
      const auto self = weak.lock();
      if (cancelled || !self || self->is_stopped_) return;
      if (self->is_connected() && self->stream_->outgoing.size() < kOutgoingForTailsMax) {
        for (v1::TailEvents& events : self->ports_.tail_events()) {
          v1::PopMessage message;
          *message.mutable_tail_events() = std::move(events);
          self->send(std::move(message));
        }
      }
      self->send_tails();
    });
  }

  asio::io_context& io_;
  const Clock& clock_;
  WorkerCatalog& catalog_;
  DistributionClientOptions options_;
  DistributionPorts ports_;
  BundleFetches fetches_;
  DelayLine to_control_;
  DelayLine from_control_;
  std::unique_ptr<v1::Distribution::Stub> stub_;
  grpc::CompletionQueue queue_;
  asio::steady_timer retry_;
  asio::steady_timer beat_;
  asio::steady_timer tail_;
  bool is_tailing_ = false;
  ReconnectDelay reconnect_;
  std::shared_ptr<Stream> stream_;
  bool was_complete_ = false;
  bool has_complained_ = false;
  std::string said_about_tls_;
  bool is_stopped_ = false;
  std::jthread thread_;
};

DistributionClient::DistributionClient(asio::io_context& io, const Clock& clock,
                                       WorkerCatalog& catalog, DistributionClientOptions options,
                                       DistributionPorts ports)
    : impl_(std::make_shared<Impl>(io, clock, catalog, std::move(options), std::move(ports))) {}

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
