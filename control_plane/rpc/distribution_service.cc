#include "control_plane/rpc/distribution_service.h"

#include <memory>
#include <optional>
#include <utility>

#include "common/log/log.h"
#include "common/rpc/rpc.h"
#include "common/sync/guarded.h"

namespace isopop::control {
namespace {

// Owns itself until gRPC says OnDone: no callback comes after that. Its state is touched on the
// loop.
class PopStream final : public grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>,
                        public PopLink,
                        public std::enable_shared_from_this<PopStream> {
 public:
  PopStream(ControlLoop& loop, grpc::CallbackServerContext& context)
      : loop_(loop), peer_(context.peer()), context_(&context) {}

  void start() {
    self_ = shared_from_this();
    loop_.post([self = self_] {
      self->id_ = self->loop_.open_stream({.peer = self->peer_, .pop = {}, .relay = {}}, *self);
      self->StartRead(&self->incoming_);
    });
  }

  void OnReadDone(bool ok) override {
    loop_.post([self = self_, ok] { self->read_done(ok); });
  }
  void OnWriteDone(bool ok) override {
    loop_.post([self = self_, ok] { self->write_done(ok); });
  }
  void OnCancel() override {
    loop_.post([self = self_] { self->lost(); });
  }
  void OnDone() override {
    // The context goes away with this call, while the loop may still be about to cancel.
    context_.with([](grpc::CallbackServerContext*& context) { context = nullptr; });
    loop_.post([self = std::move(self_)] { self->detach(); });
  }

  void wake() override { pump(); }
  void end() override {
    ending_ = true;
    // A write that a stuck peer holds up would keep the stream for ever.
    if (writing_) {
      context_.with([](grpc::CallbackServerContext* context) {
        if (context != nullptr) context->TryCancel();
      });
    } else {
      pump();
    }
  }

 private:
  void read_done(bool ok) {
    if (finished_) return;
    if (!ok) return lost();
    loop_.distributor().receive(*id_, incoming_);
    loop_.apply_effects();
    if (!finished_) StartRead(&incoming_);
  }

  void write_done(bool ok) {
    writing_ = false;
    if (!ok) return lost();
    pump();
  }

  void pump() {
    if (writing_ || finished_) return;
    std::optional<v1::ControlMessage> message = loop_.distributor().next_message(*id_);
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
    loop_.close_stream(*id_);
  }

  ControlLoop& loop_;
  std::string peer_;
  Guarded<grpc::CallbackServerContext*> context_;
  std::shared_ptr<PopStream> self_;
  std::optional<Distributor::SessionId> id_;
  v1::PopMessage incoming_;
  v1::ControlMessage outgoing_;
  bool writing_ = false;
  bool ending_ = false;
  bool finished_ = false;
  bool detached_ = false;
};

}  // namespace

grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>* DistributionService::Stream(
    grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<PopStream>(loop_, *context);
  stream->start();
  return stream.get();
}

grpc::ServerUnaryReactor* DistributionService::LeasePop(grpc::CallbackServerContext* context,
                                                        const v1::LeasePopRequest* request,
                                                        v1::LeasePopResponse* response) {
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  loop_.post([this, call, request, response] {
    const Result<std::string> id = loop_.leases().lease(*request);
    if (!id.ok()) {
      if (id.error().code != ErrorCode::kUnavailable) {
        log_warning("{} asks which PoP it is: {}", request->host(), id.error().message);
      }
      return call->Finish(rpc::to_status(id.error()));
    }
    log_info("{} ({}) is given PoP {}", request->host(), request->instance(), id.value());
    response->set_id(id.value());
    call->Finish(grpc::Status::OK);
  });
  return call;
}

}  // namespace isopop::control
