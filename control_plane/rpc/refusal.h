#pragma once

#include <grpcpp/grpcpp.h>

#include "common/result/result.h"
#include "common/rpc/rpc.h"

namespace isopop::control {

// How a method of each kind says no before it began:
//   const Result<Actor> actor = authorizer_.authorize(*context, Permission::kRead);
//   if (!actor.ok()) return refuse_call(*context, actor.error());

[[nodiscard]] inline grpc::ServerUnaryReactor* refuse_call(grpc::CallbackServerContext& context,
                                                           const Error& error) {
  grpc::ServerUnaryReactor* call = context.DefaultReactor();
  call->Finish(rpc::to_status(error));
  return call;
}

// A reactor that does nothing but end; it is gone when gRPC is done with it.
template <typename Reactor>
class RefusedStream final : public Reactor {
 public:
  explicit RefusedStream(const Error& error) { this->Finish(rpc::to_status(error)); }
  void OnDone() override { delete this; }  // NOLINT(cppcoreguidelines-owning-memory)
};

// `return refuse_stream<grpc::ServerWriteReactor<v1::PopsUpdate>>(actor.error());`
template <typename Reactor>
[[nodiscard]] Reactor* refuse_stream(const Error& error) {
  return new RefusedStream<Reactor>(error);  // NOLINT(cppcoreguidelines-owning-memory)
}

}  // namespace isopop::control
