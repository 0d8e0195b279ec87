#pragma once

#include "control_plane/rpc/control_loop.h"
#include "isopop/v1/distribution.grpc.pb.h"

namespace isopop::control {

// gRPC's side of distribution: a reactor for each stream that converts callbacks into posts to the
// control loop and writes one message at a time, made when there is room for it. No thread a
// stream.
class DistributionService final : public v1::Distribution::CallbackService {
 public:
  explicit DistributionService(ControlLoop& loop) : loop_(loop) {}

  grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>* Stream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* LeasePop(grpc::CallbackServerContext* context,
                                     const v1::LeasePopRequest* request,
                                     v1::LeasePopResponse* response) override;

 private:
  ControlLoop& loop_;
};

}  // namespace isopop::control
