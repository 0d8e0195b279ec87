#pragma once

#include "control_plane/rpc/relay_loop.h"
#include "isopop/v1/access.grpc.pb.h"
#include "isopop/v1/distribution.grpc.pb.h"
#include "isopop/v1/kv.grpc.pb.h"

namespace isopop::control {

// What PoPs ask of a relay, the same as they would ask of the control plane: streams are the
// relay's own, all else is passed on to the root and its answer back. No call holds a thread.

class RelayDistribution final : public v1::Distribution::CallbackService {
 public:
  explicit RelayDistribution(RelayLoop& loop) : loop_(loop) {}

  grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>* Stream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* LeasePop(grpc::CallbackServerContext* context,
                                     const v1::LeasePopRequest* request,
                                     v1::LeasePopResponse* response) override;

 private:
  RelayLoop& loop_;
};

// Reads say who has to be told when a key changes, so the root tells the PoP, through its channel.
class RelayKv final : public v1::Kv::CallbackService {
 public:
  explicit RelayKv(RelayLoop& loop) : loop_(loop) {}

  grpc::ServerUnaryReactor* Read(grpc::CallbackServerContext* context,
                                 const v1::KvReadRequest* request,
                                 v1::KvReadResponse* response) override;
  grpc::ServerUnaryReactor* Write(grpc::CallbackServerContext* context,
                                  const v1::KvWriteRequest* request,
                                  v1::KvWriteResponse* response) override;
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context,
                                 const v1::KvListRequest* request,
                                 v1::KvListResponse* response) override;

 private:
  RelayLoop& loop_;
};

}  // namespace isopop::control
