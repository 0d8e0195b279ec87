#include "control_plane/rpc/distribution_service.h"

#include <fmt/format.h>

#include <utility>

#include "common/log/log.h"
#include "common/rpc/rpc.h"
#include "control_plane/rpc/refusal.h"
#include "control_plane/rpc/relay_stream.h"

namespace isopop::control {

DistributionService::Streams::SessionId DistributionService::Streams::open_stream(
    const StreamOrigin& origin, PopLink& link) {
  return loop_.open_stream(origin, link);
}

void DistributionService::Streams::receive(SessionId id, const v1::PopMessage& message) {
  loop_.distributor().receive(id, message);
  loop_.apply_effects();
}

Result<std::string> DistributionService::program_id(const grpc::CallbackServerContext& context,
                                                    std::string_view kind) const {
  ISOPOP_TRY(authorizer_.authorize(context, Permission::kProgram));
  if (authorizer_.is_insecure()) return std::string();
  ISOPOP_TRY_ASSIGN(const Caller caller, authorizer_.caller(context));
  if (caller.program && caller.program->kind == kind) return caller.program->id;
  return Error{
      ErrorCode::kPermissionDenied,
      fmt::format("{} is no {}: it needs a certificate that says so", caller.actor.name, kind)};
}

grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>* DistributionService::Stream(
    grpc::CallbackServerContext* context) {
  const Result<std::string> pop = program_id(*context, "pop");
  using Reactor = grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>;
  if (!pop.ok()) return refuse_stream<Reactor>(pop.error());
  return start_pop_stream(streams_, *context,
                          {.peer = context->peer(), .pop = pop.value(), .relay = {}});
}

grpc::ServerBidiReactor<v1::RelayUp, v1::RelayDown>* DistributionService::Relay(
    grpc::CallbackServerContext* context) {
  const Result<std::string> relay = program_id(*context, "relay");
  using Reactor = grpc::ServerBidiReactor<v1::RelayUp, v1::RelayDown>;
  if (!relay.ok()) return refuse_stream<Reactor>(relay.error());
  return start_relay_stream(
      streams_, *context, relay.value(),
      {.came = [this](const std::string& name) { loop_.add_relay(name); },
       .went = [this](const std::string& name) { loop_.remove_relay(name); }});
}

grpc::ServerUnaryReactor* DistributionService::LeasePop(grpc::CallbackServerContext* context,
                                                        const v1::LeasePopRequest* request,
                                                        v1::LeasePopResponse* response) {
  const Result<void> may = authorizer_.authorize_joining(*context, request->join_token());
  if (!may.ok()) return refuse_call(*context, may.error());
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
