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
      .state = to_state(pop.state()),
      .is_drained = pop.service() == v1::POP_SERVICE_DRAINED};
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
  struct Outcome {
    std::size_t updates = 0;
    grpc::Status status;
  };

  void run() {
    std::chrono::milliseconds backoff = options_.retry_first;
    std::string said_about_tls;
    while (!is_stopping()) {
      const Outcome outcome = watch();
      if (is_stopping()) return;
      if (outcome.updates > 0) {
        backoff = options_.retry_first;
        said_about_tls.clear();
        log_warning("no word from the control plane at {}: going on with the PoPs known",
                    options_.control_address);
      } else {
        complain(outcome.status, said_about_tls);
      }
      if (!pause(backoff)) return;
      backoff = std::min(2 * backoff, options_.retry_max);
    }
  }

  // Everybody starts before the control plane now and then, and that is not worth a word; that TLS
  // is why there is no connection is, once.
  void complain(const grpc::Status& status, std::string& said) const {
    log_debug("WatchPops ended: {}", status.error_message());
    const std::string about_tls = rpc::explain_tls(status, options_.tls);
    if (about_tls.empty() || std::exchange(said, about_tls) == about_tls) return;
    log_warning("no connection to the control plane at {}: {}", options_.control_address,
                about_tls);
  }

  // One stream, from its connection to its end. The channel is its own: one that has failed looks a
  // name up again only when it thinks fit, up to two minutes later, and a control plane that was
  // started again elsewhere has another address.
  Outcome watch() {
    const Result<std::string> address = options_.address.told_to(options_.control_address);
    if (!address.ok()) return {.updates = 0, .status = rpc::to_status(address.error())};
    const auto stub = v1::Control::NewStub(rpc::connect(options_.control_address, options_.tls));
    grpc::ClientContext context;
    if (!set_context(&context)) return {};
    v1::WatchPopsRequest request;
    request.set_router_http_address(address.value());
    const auto reader = stub->WatchPops(&context, request);
    Outcome outcome;
    v1::PopsUpdate update;
    while (reader->Read(&update)) {
      ++outcome.updates;
      on_change_(to_change(update));
    }
    outcome.status = reader->Finish();
    set_context(nullptr);
    return outcome;
  }

  bool is_stopping() {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  // Of the stream that is to be ended with the watch. False when it is ending.
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
