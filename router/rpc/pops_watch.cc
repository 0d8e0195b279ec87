#include "router/rpc/pops_watch.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "common/log/log.h"
#include "common/random/random.h"
#include "common/rpc/rpc.h"
#include "common/rpc/tls_credentials.h"
#include "isopop/v1/control.grpc.pb.h"

namespace isopop::router {
namespace {

// A program that is to stop waits for the watch's thread no longer than twice this.
constexpr std::chrono::milliseconds kConnectStep{250};

gpr_timespec soon() {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_millis(kConnectStep.count(), GPR_TIMESPAN));
}

PopState to_state(v1::PopState state) {
  switch (state) {
    case v1::POP_STATE_READY:
      return PopState::kReady;
    case v1::POP_STATE_DOWN:
      return PopState::kDown;
    default:
      return PopState::kStarting;
  }
}

Pop to_pop(const v1::Pop& pop) {
  const v1::PopIdentity& identity = pop.identity();
  return {
      .id = identity.id(),
      .city = identity.city(),
      .country = identity.country(),
      .region = identity.region(),
      .place = {.latitude_deg = identity.latitude_deg(), .longitude_deg = identity.longitude_deg()},
      .http_address = pop.http_address(),
      .state = to_state(pop.state())};
}

PopsChange to_change(const v1::PopsUpdate& update) {
  PopsChange change;
  change.snapshot = update.snapshot();
  change.pops.reserve(static_cast<std::size_t>(update.pops_size()));
  for (const v1::Pop& pop : update.pops()) change.pops.push_back(to_pop(pop));
  return change;
}

}  // namespace

class PopsWatch::Worker {
 public:
  Worker(PopsWatchOptions options, OnChange on_change)
      : options_(std::move(options)),
        on_change_(std::move(on_change)),
        channel_(rpc::connect(options_.control_address, options_.tls)),
        stub_(v1::Control::NewStub(channel_)),
        jitter_(entropy64(), "router/pops-watch"),
        thread_([this] { run(); }) {}

  ~Worker() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      if (context_ != nullptr) context_->TryCancel();
    }
    stopped_.notify_all();
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

 private:
  void run() {
    std::chrono::milliseconds backoff = options_.retry_first;
    bool said_lost = false;
    while (await_connection()) {
      grpc::ClientContext context;
      // The channel connects as soon as somebody listens, instead of failing calls meanwhile.
      context.set_wait_for_ready(true);
      if (!set_context(&context)) return;
      const std::size_t updates = read_stream(context);
      if (!set_context(nullptr)) return;
      if (updates > 0) {
        backoff = options_.retry_first;
        said_lost = false;
      }
      if (!said_lost) {
        log_warning("no word from the control plane at {}: going on with the PoPs known",
                    options_.control_address);
        said_lost = true;
      }
      if (!pause(backoff)) return;
      backoff = std::min(2 * backoff, options_.retry_max);
    }
  }

  // The stream waits for a connection and would never say why there is none. This does, where it is
  // a matter of TLS; everybody starts before the control plane now and then. False when the watch
  // is to end.
  bool await_connection() {
    std::string said;
    while (!channel_->WaitForConnected(soon())) {
      if (is_stopping()) return false;
      grpc::ClientContext context;
      context.set_deadline(soon());
      v1::Status response;
      const grpc::Status status = stub_->GetStatus(&context, {}, &response);
      const std::string about_tls = rpc::explain_tls(status, options_.tls);
      if (about_tls.empty() || std::exchange(said, about_tls) == about_tls) continue;
      log_warning("no connection to the control plane at {}: {}", options_.control_address,
                  about_tls);
    }
    return !is_stopping();
  }

  // How many updates came before the stream ended.
  std::size_t read_stream(grpc::ClientContext& context) {
    v1::WatchPopsRequest request;
    request.set_router_http_address(options_.router_http_address);
    const auto reader = stub_->WatchPops(&context, request);
    v1::PopsUpdate update;
    std::size_t updates = 0;
    while (reader->Read(&update)) {
      ++updates;
      on_change_(to_change(update));
    }
    const grpc::Status status = reader->Finish();
    log_debug("WatchPops ended: {}", status.error_message());
    return updates;
  }

  bool is_stopping() {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  // False when the watch is to end.
  bool set_context(grpc::ClientContext* context) {
    const std::lock_guard lock(mutex_);
    context_ = context;
    return !stopping_;
  }

  bool pause(std::chrono::milliseconds backoff) {
    const auto wait =
        std::chrono::round<std::chrono::milliseconds>(backoff * (0.75 + 0.5 * jitter_.uniform()));
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, wait, [this] { return stopping_; });
    return !stopping_;
  }

  const PopsWatchOptions options_;
  const OnChange on_change_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Control::Stub> stub_;
  RandomStream jitter_;  // of the thread
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;                   // under mutex_
  grpc::ClientContext* context_ = nullptr;  // under mutex_; of the stream that is open
  std::thread thread_;                      // last: runs while all above is there
};

PopsWatch::PopsWatch(PopsWatchOptions options, OnChange on_change)
    : worker_(std::make_unique<Worker>(std::move(options), std::move(on_change))) {}

PopsWatch::~PopsWatch() = default;

}  // namespace isopop::router
