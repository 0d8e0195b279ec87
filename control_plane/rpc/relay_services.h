#pragma once

#include "control_plane/rpc/relay_loop.h"
#include "isopop/v1/access.grpc.pb.h"
#include "isopop/v1/distribution.grpc.pb.h"
#include "isopop/v1/kv.grpc.pb.h"

namespace isopop::control {

// What PoPs ask of a relay, the same as they would ask of the control plane: streams are the
// relay's own, all else is passed on to the root and its answer back. No call holds a thread. Where
// programs have certificates the relay looks at those of the PoPs: the root sees the relay's own,
// and believes what it says.

// Whether callers must show a certificate.
enum class Callers { kAnybody, kPrograms };

class RelayDistribution final : public v1::Distribution::CallbackService {
 public:
  RelayDistribution(RelayLoop& loop, Callers callers) : loop_(loop), callers_(callers) {}

  grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>* Stream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* LeasePop(grpc::CallbackServerContext* context,
                                     const v1::LeasePopRequest* request,
                                     v1::LeasePopResponse* response) override;

 private:
  RelayLoop& loop_;
  Callers callers_;
};

// Reads say who has to be told when a key changes, so the root tells the PoP, through its channel.
class RelayKv final : public v1::Kv::CallbackService {
 public:
  RelayKv(RelayLoop& loop, Callers callers) : loop_(loop), callers_(callers) {}

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
  Callers callers_;
};

class RelayIdentity final : public v1::Identity::CallbackService {
 public:
  explicit RelayIdentity(RelayLoop& loop) : loop_(loop) {}

  grpc::ServerUnaryReactor* Enroll(grpc::CallbackServerContext* context,
                                   const v1::EnrollRequest* request,
                                   v1::Credentials* response) override;
  grpc::ServerUnaryReactor* Renew(grpc::CallbackServerContext* context,
                                  const v1::RenewRequest* request,
                                  v1::Credentials* response) override;

 private:
  RelayLoop& loop_;
};

}  // namespace isopop::control
