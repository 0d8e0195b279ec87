#include "control_plane/rpc/relay_services.h"

#include <memory>
#include <utility>

namespace isopop::control {
namespace {

// One call of the root, alive until it is answered.
template <typename Service>
struct PassedOn {
  explicit PassedOn(const std::shared_ptr<grpc::Channel>& channel)
      : stub(Service::NewStub(channel)) {}
  std::unique_ptr<typename Service::Stub> stub;
  grpc::ClientContext context;
};

// `ask(async_stub, context, done)` makes the call that is to be passed on.
template <typename Service, typename Ask>
grpc::ServerUnaryReactor* pass_on(RelayLoop& loop, grpc::CallbackServerContext& context, Ask ask) {
  grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
  const std::shared_ptr<grpc::Channel> channel = loop.root_channel();
  if (channel == nullptr) {
    reactor->Finish({grpc::StatusCode::UNAVAILABLE, "the relay is starting; try again"});
    return reactor;
  }
  const auto call = std::make_shared<PassedOn<Service>>(channel);
  call->context.set_deadline(context.deadline());
  ask(*call->stub->async(), call->context,
      [call, reactor](const grpc::Status& status) { reactor->Finish(status); });
  return reactor;
}

}  // namespace

grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>* RelayDistribution::Stream(
    grpc::CallbackServerContext* context) {
  return start_pop_stream(loop_, *context, {.peer = context->peer(), .pop = {}, .relay = {}});
}

grpc::ServerUnaryReactor* RelayDistribution::LeasePop(grpc::CallbackServerContext* context,
                                                      const v1::LeasePopRequest* request,
                                                      v1::LeasePopResponse* response) {
  return pass_on<v1::Distribution>(
      loop_, *context, [request, response](auto& root, grpc::ClientContext& call, auto done) {
        root.LeasePop(&call, request, response, std::move(done));
      });
}

grpc::ServerUnaryReactor* RelayKv::Read(grpc::CallbackServerContext* context,
                                        const v1::KvReadRequest* request,
                                        v1::KvReadResponse* response) {
  return pass_on<v1::Kv>(loop_, *context,
                         [request, response](auto& root, grpc::ClientContext& call, auto done) {
                           root.Read(&call, request, response, std::move(done));
                         });
}

grpc::ServerUnaryReactor* RelayKv::Write(grpc::CallbackServerContext* context,
                                         const v1::KvWriteRequest* request,
                                         v1::KvWriteResponse* response) {
  return pass_on<v1::Kv>(loop_, *context,
                         [request, response](auto& root, grpc::ClientContext& call, auto done) {
                           root.Write(&call, request, response, std::move(done));
                         });
}

grpc::ServerUnaryReactor* RelayKv::List(grpc::CallbackServerContext* context,
                                        const v1::KvListRequest* request,
                                        v1::KvListResponse* response) {
  return pass_on<v1::Kv>(loop_, *context,
                         [request, response](auto& root, grpc::ClientContext& call, auto done) {
                           root.List(&call, request, response, std::move(done));
                         });
}

}  // namespace isopop::control
