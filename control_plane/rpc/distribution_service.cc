#include "control_plane/rpc/distribution_service.h"

#include <utility>

#include "common/log/log.h"
#include "common/rpc/rpc.h"

namespace isopop::control {

DistributionService::Streams::SessionId DistributionService::Streams::open_stream(
    const StreamOrigin& origin, PopLink& link) {
  return loop_.open_stream(origin, link);
}

void DistributionService::Streams::receive(SessionId id, const v1::PopMessage& message) {
  loop_.distributor().receive(id, message);
  loop_.apply_effects();
}

grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>* DistributionService::Stream(
    grpc::CallbackServerContext* context) {
  return start_pop_stream(streams_, *context, {.peer = context->peer(), .pop = {}, .relay = {}});
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
