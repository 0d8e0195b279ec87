#include "control_plane/rpc/relay_services.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/pki/identity.h"
#include "control_plane/rpc/authorize.h"
#include "control_plane/rpc/behalf.h"
#include "control_plane/rpc/refusal.h"

namespace isopop::control {
namespace {

// One call of the root, alive until it is answered. It has the deadline of the call that it passes
// on, and is cancelled with it.
template <typename Service>
struct PassedOn {
  PassedOn(const std::shared_ptr<grpc::Channel>& channel, const grpc::CallbackServerContext& from)
      : stub(Service::NewStub(channel)),
        context(grpc::ClientContext::FromCallbackServerContext(from)) {}
  std::unique_ptr<typename Service::Stub> stub;
  std::unique_ptr<grpc::ClientContext> context;
};

// `ask(async_stub, context, done)` makes the call that is to be passed on.
template <typename Service, typename Ask>
grpc::ServerUnaryReactor* pass_on(RelayLoop& loop, grpc::CallbackServerContext& context,
                                  const Ask& ask) {
  grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
  const std::shared_ptr<grpc::Channel> channel = loop.root_channel();
  if (channel == nullptr) {
    reactor->Finish({grpc::StatusCode::UNAVAILABLE, "the relay is starting; try again"});
    return reactor;
  }
  const auto call = std::make_shared<PassedOn<Service>>(channel, context);
  ask(*call->stub->async(), *call->context,
      [call, reactor](const grpc::Status& status) { reactor->Finish(status); });
  return reactor;
}

// The PoP that calls, by its certificate; empty where callers need none.
Result<std::string> calling_pop(const grpc::CallbackServerContext& context, Callers callers) {
  if (callers == Callers::kAnybody) return std::string();
  const std::optional<pki::ProgramIdentity> program = program_of(context);
  if (!program) {
    return Error{ErrorCode::kUnauthenticated, "a relay serves PoPs: show a PoP's certificate"};
  }
  if (program->kind == "pop") return program->id;
  return Error{ErrorCode::kPermissionDenied,
               "a relay serves PoPs, and " + program->name() + " is none"};
}

}  // namespace

grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>* RelayDistribution::Stream(
    grpc::CallbackServerContext* context) {
  using Reactor = grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>;
  const Result<std::string> pop = calling_pop(*context, callers_);
  if (!pop.ok()) return refuse_stream<Reactor>(pop.error());
  return start_pop_stream(loop_, *context,
                          {.peer = context->peer(), .pop = pop.value(), .relay = {}});
}

grpc::ServerUnaryReactor* RelayDistribution::LeasePop(grpc::CallbackServerContext* context,
                                                      const v1::LeasePopRequest* request,
                                                      v1::LeasePopResponse* response) {
  // Without a token the root would take the relay's own certificate for the caller's.
  if (callers_ == Callers::kPrograms && request->join_token().empty() && !program_of(*context)) {
    return refuse_call(*context, {ErrorCode::kUnauthenticated, "give a join token"});
  }
  return pass_on<v1::Distribution>(
      loop_, *context, [request, response](auto& root, grpc::ClientContext& call, auto done) {
        root.LeasePop(&call, request, response, std::move(done));
      });
}

grpc::ServerUnaryReactor* RelayKv::Read(grpc::CallbackServerContext* context,
                                        const v1::KvReadRequest* request,
                                        v1::KvReadResponse* response) {
  const Result<std::string> pop = calling_pop(*context, callers_);
  if (!pop.ok()) return refuse_call(*context, pop.error());
  const auto asked = std::make_shared<v1::KvReadRequest>(*request);
  if (!pop.value().empty()) asked->set_reader(pop.value());
  return pass_on<v1::Kv>(
      loop_, *context, [asked, response](auto& root, grpc::ClientContext& call, auto done) {
        root.Read(&call, asked.get(), response,
                  [asked, done = std::move(done)](const grpc::Status& status) { done(status); });
      });
}

grpc::ServerUnaryReactor* RelayKv::Write(grpc::CallbackServerContext* context,
                                         const v1::KvWriteRequest* request,
                                         v1::KvWriteResponse* response) {
  const Result<std::string> pop = calling_pop(*context, callers_);
  if (!pop.ok()) return refuse_call(*context, pop.error());
  const auto asked = std::make_shared<v1::KvWriteRequest>(*request);
  if (!pop.value().empty()) asked->set_origin(pop.value());
  return pass_on<v1::Kv>(
      loop_, *context, [asked, response](auto& root, grpc::ClientContext& call, auto done) {
        root.Write(&call, asked.get(), response,
                   [asked, done = std::move(done)](const grpc::Status& status) { done(status); });
      });
}

grpc::ServerUnaryReactor* RelayKv::List(grpc::CallbackServerContext* context,
                                        const v1::KvListRequest* request,
                                        v1::KvListResponse* response) {
  const Result<std::string> pop = calling_pop(*context, callers_);
  if (!pop.ok()) return refuse_call(*context, pop.error());
  return pass_on<v1::Kv>(loop_, *context,
                         [request, response](auto& root, grpc::ClientContext& call, auto done) {
                           root.List(&call, request, response, std::move(done));
                         });
}

grpc::ServerUnaryReactor* RelayIdentity::Enroll(grpc::CallbackServerContext* context,
                                                const v1::EnrollRequest* request,
                                                v1::Credentials* response) {
  return pass_on<v1::Identity>(
      loop_, *context, [request, response](auto& root, grpc::ClientContext& call, auto done) {
        root.Enroll(&call, request, response, std::move(done));
      });
}

grpc::ServerUnaryReactor* RelayIdentity::Renew(grpc::CallbackServerContext* context,
                                               const v1::RenewRequest* request,
                                               v1::Credentials* response) {
  const std::optional<pki::ProgramIdentity> program = program_of(*context);
  if (!program) {
    return refuse_call(*context,
                       {ErrorCode::kUnauthenticated, "show the certificate to be renewed"});
  }
  return pass_on<v1::Identity>(loop_, *context,
                               [request, response, name = program->name()](
                                   auto& root, grpc::ClientContext& call, auto done) {
                                 call.AddMetadata(kOnBehalfOf, name);
                                 root.Renew(&call, request, response, std::move(done));
                               });
}

}  // namespace isopop::control
