#pragma once

#include <functional>
#include <string>

#include "common/time/clock.h"
#include "control_plane/access/access_book.h"
#include "control_plane/access/access_table.h"
#include "control_plane/audit/audit_log.h"
#include "control_plane/rpc/authorize.h"
#include "control_plane/rpc/control_loop.h"
#include "isopop/v1/access.grpc.pb.h"

namespace isopop::control {

// gRPC's side of who may do what: tokens, revoked programs, the audit log. What changes something
// is a transaction with its entry in the log; then the book, by which calls are checked, is filled
// anew. With --insecure all of it works and none of it is asked.
class AccessService final : public v1::Access::CallbackService {
 public:
  // All outlive the object.
  AccessService(ControlLoop& loop, AccessBook& book, const Authorizer& authorizer,
                const Clock& clock)
      : loop_(loop), book_(book), authorizer_(authorizer), clock_(clock) {}

  grpc::ServerUnaryReactor* CreateToken(grpc::CallbackServerContext* context,
                                        const v1::CreateTokenRequest* request,
                                        v1::CreateTokenResponse* response) override;
  grpc::ServerUnaryReactor* CreateJoinToken(grpc::CallbackServerContext* context,
                                            const v1::CreateJoinTokenRequest* request,
                                            v1::CreateTokenResponse* response) override;
  grpc::ServerUnaryReactor* ListTokens(grpc::CallbackServerContext* context,
                                       const v1::ListTokensRequest* request,
                                       v1::ListTokensResponse* response) override;
  grpc::ServerUnaryReactor* RevokeToken(grpc::CallbackServerContext* context,
                                        const v1::RevokeTokenRequest* request,
                                        v1::RevokeTokenResponse* response) override;
  grpc::ServerUnaryReactor* RevokeIdentity(grpc::CallbackServerContext* context,
                                           const v1::RevokeIdentityRequest* request,
                                           v1::RevokeIdentityResponse* response) override;
  grpc::ServerUnaryReactor* ListAudit(grpc::CallbackServerContext* context,
                                      const v1::ListAuditRequest* request,
                                      v1::ListAuditResponse* response) override;
  grpc::ServerUnaryReactor* WhoAmI(grpc::CallbackServerContext* context,
                                   const v1::WhoAmIRequest* request,
                                   v1::WhoAmIResponse* response) override;

 private:
  using Change = std::function<Result<void>(AccessTable&)>;
  // On the store's thread: the change and its entry in the log, then the book.
  [[nodiscard]] Result<void> commit(Registry& registry, const AuditEvent& event,
                                    const Change& change);
  [[nodiscard]] grpc::ServerUnaryReactor* create(grpc::CallbackServerContext& context,
                                                 const Actor& actor, Token token,
                                                 v1::CreateTokenResponse& response);

  ControlLoop& loop_;
  AccessBook& book_;
  const Authorizer& authorizer_;
  const Clock& clock_;
};

// Makes the table have the two tokens of the key folder, unless it had them before and they were
// revoked since, and fills the book. Before the servers start.
[[nodiscard]] Result<void> load_access(Store& store, AccessBook& book, const Clock& clock,
                                       const std::string& admin_token,
                                       const std::string& join_token);

}  // namespace isopop::control
