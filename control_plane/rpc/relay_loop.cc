#include "control_plane/rpc/relay_loop.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <utility>

#include "common/app/app.h"
#include "common/log/log.h"
#include "common/rpc/rpc.h"
#include "common/rpc/tls_credentials.h"
#include "isopop/v1/distribution.grpc.pb.h"

namespace isopop::control {
namespace {

constexpr auto kTickInterval = std::chrono::milliseconds(250);

}  // namespace

// The stream to the root, from its start to OnDone; keeps itself, and the loop, as long as gRPC has
// it. Its state is touched on the loop.
class RelayLoop::RootStream final : public grpc::ClientBidiReactor<v1::RelayUp, v1::RelayDown>,
                                    public std::enable_shared_from_this<RootStream> {
 public:
  RootStream(RelayLoop& loop, const std::shared_ptr<grpc::Channel>& channel)
      : loop_(loop), stub_(v1::Distribution::NewStub(channel)), work_(loop.io_.get_executor()) {}

  void start() {
    self_ = shared_from_this();
    stub_->async()->Relay(&context_, this);
    AddHold();  // writes begin on the loop, not in a reaction
    StartRead(&incoming_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    loop_.post([self = shared_from_this(), ok] { self->read_done(ok); });
  }
  void OnWriteDone(bool ok) override {
    loop_.post([self = shared_from_this(), ok] {
      self->writing_ = false;
      if (ok) self->pump();
    });
  }
  void OnDone(const grpc::Status& status) override {
    loop_.post([self = std::move(self_), status] { self->loop_.root_ended(status); });
  }

  void pump() {
    if (writing_ || ended_) return;
    std::optional<v1::RelayUp> message = loop_.core_.next_for_root();
    if (!message) return;
    outgoing_ = *std::move(message);
    writing_ = true;
    StartWrite(&outgoing_);
  }

  void cancel() { context_.TryCancel(); }

 private:
  void read_done(bool ok) {
    if (ok) {
      loop_.on_root_message(incoming_);
      return StartRead(&incoming_);
    }
    ended_ = true;
    RemoveHold();
  }

  RelayLoop& loop_;
  std::unique_ptr<v1::Distribution::Stub> stub_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  grpc::ClientContext context_;
  std::shared_ptr<RootStream> self_;
  v1::RelayDown incoming_;
  v1::RelayUp outgoing_;
  bool writing_ = false;
  bool ended_ = false;
};

RelayLoop::RelayLoop(asio::io_context& io, const Clock& clock, RelayLoopOptions options,
                     BundleFolder bundles)
    : io_(io),
      options_(std::move(options)),
      core_(options_.name, program_version(), clock),
      jitter_(entropy64(), "control/relay"),
      tick_timer_(io),
      reconnect_timer_(io),
      backoff_(options_.backoff_min),
      bundles_(std::move(bundles)) {}

RelayLoop::~RelayLoop() {
  disk_.join();
}

void RelayLoop::start() {
  connect();
  tick();
}

void RelayLoop::shut_down() {
  shutting_down_ = true;
  tick_timer_.cancel();
  reconnect_timer_.cancel();
  if (root_) root_->cancel();
  const std::map<SessionId, PopLink*> links = links_;
  for (const auto& [id, link] : links) link->end();
}

void RelayLoop::connect() {
  // A channel of its own: one that has failed looks a name up again only when it thinks fit.
  std::shared_ptr<grpc::Channel> channel = rpc::connect(options_.root, options_.tls);
  channel_.with([&](std::shared_ptr<grpc::Channel>& current) { current = channel; });
  was_accepted_ = false;
  core_.root_connected();
  root_ = std::make_shared<RootStream>(*this, channel);
  root_->start();
  root_->pump();
}

void RelayLoop::root_ended(const grpc::Status& status) {
  root_ = nullptr;
  core_.root_lost();
  apply_effects();
  if (shutting_down_) return;
  if (was_accepted_) {
    backoff_ = options_.backoff_min;
    said_.clear();
    log_warning("lost the control plane at {}: going on with {} PoPs", options_.root, core_.pops());
  } else {
    const std::string about_tls = rpc::explain_tls(status, options_.tls);
    const std::string why = about_tls.empty() ? status.error_message() : about_tls;
    if (std::exchange(said_, why) != why) {
      log_warning("no connection to the control plane at {}: {}", options_.root, why);
    }
  }
  const auto wait =
      std::chrono::round<std::chrono::milliseconds>(backoff_ * (0.5 + jitter_.uniform()));
  backoff_ = std::min(2 * backoff_, options_.backoff_max);
  reconnect_timer_.expires_after(wait);
  reconnect_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !shutting_down_) connect();
  });
}

void RelayLoop::on_root_message(const v1::RelayDown& message) {
  if (shutting_down_) return;
  core_.receive_from_root(message);
  if (core_.is_connected() && !std::exchange(was_accepted_, true)) {
    log_info("relay {} is connected to the control plane at {}", options_.name, options_.root);
  }
  apply_effects();
}

RelayLoop::SessionId RelayLoop::open_stream(const StreamOrigin& origin, PopLink& link) {
  const SessionId id = core_.open(origin);
  links_[id] = &link;
  apply_effects();
  return id;
}

void RelayLoop::close_stream(SessionId id) {
  links_.erase(id);
  core_.disconnected(id);
  apply_effects();
}

void RelayLoop::receive(SessionId id, const v1::PopMessage& message) {
  core_.receive(id, message);
  apply_effects();
}

void RelayLoop::apply_effects() {
  const RelayCore::Effects effects = core_.take_effects();
  for (const std::string& warning : effects.warnings) log_warning("{}", warning);
  for (const std::string& sha256 : effects.bundles_wanted) look_for_bundle(sha256);
  for (const auto& [sha256, bytes] : effects.bundles_fetched) {
    asio::post(disk_, [this, hash = sha256, content = bytes] {
      if (const Result<void> kept = bundles_.put(hash, *content); !kept.ok()) {
        log_warning("bundle {} could not be kept: {}", hash, kept.error().message);
      }
    });
  }
  for (const SessionId id : effects.sendable) {
    if (const auto link = links_.find(id); link != links_.end()) link->second->wake();
  }
  for (const SessionId id : effects.closed) {
    if (const auto link = links_.find(id); link != links_.end()) link->second->end();
  }
  if (effects.root_broke && root_) {
    said_.clear();
    log_warning("the control plane at {}: {}", options_.root, *effects.root_broke);
    root_->cancel();
  } else if (effects.root_sendable && root_) {
    root_->pump();
  }
}

void RelayLoop::look_for_bundle(const std::string& sha256) {
  asio::post(disk_, [this, sha256, work = asio::make_work_guard(io_)] {
    std::optional<std::string> bytes = bundles_.find(sha256);
    post([this, sha256, found = std::move(bytes)] {
      if (found) {
        core_.bundle_found(sha256, std::make_shared<const std::string>(*found));
      } else {
        core_.bundle_missing(sha256);
      }
      apply_effects();
    });
  });
}

void RelayLoop::tick() {
  if (shutting_down_) return;
  core_.tick();
  apply_effects();
  tick_timer_.expires_after(kTickInterval);
  tick_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
}

}  // namespace isopop::control
