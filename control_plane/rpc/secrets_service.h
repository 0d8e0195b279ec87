#pragma once

#include <string>

#include "common/pki/seal.h"
#include "common/time/clock.h"
#include "control_plane/rpc/authorize.h"
#include "control_plane/rpc/control_loop.h"
#include "isopop/v1/access.grpc.pb.h"

namespace isopop::control {

// gRPC's side of workers' secrets. A value comes in and goes out to the PoPs that may have it, with
// their assignments; nobody is told it again, and neither log nor audit log has it. A secret may be
// put before the worker's first deployment.
class SecretsService final : public v1::Secrets::CallbackService {
 public:
  // All outlive the object.
  SecretsService(ControlLoop& loop, const Authorizer& authorizer, const pki::SealKey& key,
                 const Clock& clock)
      : loop_(loop), authorizer_(authorizer), key_(key), clock_(clock) {}

  // Gives the distributor what is on disk. Before the servers start. FAILED_PRECONDITION: another
  // key has sealed it.
  [[nodiscard]] Result<void> load();

  grpc::ServerUnaryReactor* PutSecret(grpc::CallbackServerContext* context,
                                      const v1::PutSecretRequest* request,
                                      v1::PutSecretResponse* response) override;
  grpc::ServerUnaryReactor* ListSecrets(grpc::CallbackServerContext* context,
                                        const v1::ListSecretsRequest* request,
                                        v1::ListSecretsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteSecret(grpc::CallbackServerContext* context,
                                         const v1::DeleteSecretRequest* request,
                                         v1::DeleteSecretResponse* response) override;

 private:
  // On the store's thread.
  [[nodiscard]] Result<bool> put(Registry& registry, const v1::PutSecretRequest& request,
                                 const Actor& actor);
  [[nodiscard]] Result<void> remove(Registry& registry, const v1::DeleteSecretRequest& request,
                                    const Actor& actor);
  // Tells the distributor what the worker has now, then ends the call.
  void distribute(Registry& registry, const std::string& worker, grpc::ServerUnaryReactor& call);

  ControlLoop& loop_;
  const Authorizer& authorizer_;
  const pki::SealKey& key_;
  const Clock& clock_;
};

}  // namespace isopop::control
