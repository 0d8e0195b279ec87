#include "control_plane/rpc/pop_stream.h"

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>

#include <memory>
#include <utility>

#include "common/sync/guarded.h"

namespace isopop::control {
namespace {

// For what is on its way when a stream is to end.
constexpr gpr_timespec kLastWriteTimeout{.tv_sec = 1, .tv_nsec = 0, .clock_type = GPR_TIMESPAN};

// Owns itself until gRPC says OnDone: no callback comes after that. Its state is touched on the
// loop.
class PopStream final : public grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>,
                        public PopLink,
                        public std::enable_shared_from_this<PopStream> {
 public:
  PopStream(PopStreams& streams, grpc::CallbackServerContext& context, StreamOrigin origin)
      : streams_(streams), origin_(std::move(origin)), context_(&context) {}

  void start() {
    self_ = shared_from_this();
    streams_.post([self = self_] {
      self->id_ = self->streams_.open_stream(self->origin_, *self);
      self->StartRead(&self->incoming_);
    });
  }

  void OnReadDone(bool ok) override {
    streams_.post([self = self_, ok] { self->read_done(ok); });
  }
  void OnWriteDone(bool ok) override {
    streams_.post([self = self_, ok] { self->write_done(ok); });
  }
  void OnCancel() override {
    streams_.post([self = self_] { self->lost(); });
  }
  void OnDone() override {
    // The context goes away with this call, while the alarm may still be about to cancel.
    context_.with([](grpc::CallbackServerContext*& context) { context = nullptr; });
    alarm_.Cancel();
    streams_.post([self = std::move(self_)] { self->detach(); });
  }

  void wake() override { pump(); }
  void end() override {
    if (ending_) return;
    ending_ = true;
    if (!writing_) return pump();
    // What is being written may be the reason: it is let through, but not kept for ever by a stuck
    // peer.
    alarm_.Set(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), kLastWriteTimeout),
               // The alarm keeps the function for ever, and the stream keeps the alarm.
               [stream = weak_from_this()](bool expired) {
                 const std::shared_ptr<PopStream> self = stream.lock();
                 if (expired && self) self->cancel();
               });
  }

 private:
  void read_done(bool ok) {
    if (finished_) return;
    if (!ok) return lost();
    streams_.receive(*id_, incoming_);
    if (!finished_) StartRead(&incoming_);
  }

  void write_done(bool ok) {
    writing_ = false;
    if (!ok) return lost();
    pump();
  }

  // From any thread.
  void cancel() {
    context_.with([](grpc::CallbackServerContext* context) {
      if (context != nullptr) context->TryCancel();
    });
  }

  void pump() {
    if (writing_ || finished_) return;
    std::optional<v1::ControlMessage> message = streams_.next_message(*id_);
    if (message) {
      outgoing_ = *std::move(message);
      writing_ = true;
      StartWrite(&outgoing_);
    } else if (ending_) {
      finish();
    }
  }

  // The peer is gone, or has said all it had to say.
  void lost() {
    ending_ = true;
    detach();
    if (!writing_) finish();
  }

  void finish() {
    if (finished_) return;
    finished_ = true;
    Finish({grpc::StatusCode::ABORTED, "the stream was closed; connect again"});
  }

  void detach() {
    if (detached_ || !id_) return;
    detached_ = true;
    streams_.close_stream(*id_);
  }

  PopStreams& streams_;
  StreamOrigin origin_;
  Guarded<grpc::CallbackServerContext*> context_;
  std::shared_ptr<PopStream> self_;
  grpc::Alarm alarm_;
  std::optional<PopStreams::SessionId> id_;
  v1::PopMessage incoming_;
  v1::ControlMessage outgoing_;
  bool writing_ = false;
  bool ending_ = false;
  bool finished_ = false;
  bool detached_ = false;
};

}  // namespace

grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>* start_pop_stream(
    PopStreams& streams, grpc::CallbackServerContext& context, const StreamOrigin& origin) {
  const auto stream = std::make_shared<PopStream>(streams, context, origin);
  stream->start();
  return stream.get();
}

}  // namespace isopop::control
