#pragma once

#include <chrono>
#include <string>

#include "common/pki/certificate_authority.h"
#include "common/time/clock.h"
#include "control_plane/access/access_book.h"
#include "control_plane/rpc/authorize.h"
#include "control_plane/rpc/control_loop.h"
#include "isopop/v1/access.grpc.pb.h"

namespace isopop::control {

// What certificates of programs are made with.
struct IdentityIssuer {
  const pki::CertificateAuthority* authority = nullptr;  // null: certificates come from elsewhere
  std::string bundle_key_pem;
  std::chrono::seconds lifetime = std::chrono::hours(24);
};

// gRPC's side of how programs get certificates. A first one takes a join token that is good for the
// program and is written in the audit log; a further one takes the one that is to be replaced.
class IdentityService final : public v1::Identity::CallbackService {
 public:
  // All outlive the object.
  IdentityService(ControlLoop& loop, AccessBook& book, const Authorizer& authorizer,
                  const IdentityIssuer& issuer, const Clock& clock)
      : loop_(loop), book_(book), authorizer_(authorizer), issuer_(issuer), clock_(clock) {}

  grpc::ServerUnaryReactor* Enroll(grpc::CallbackServerContext* context,
                                   const v1::EnrollRequest* request,
                                   v1::Credentials* response) override;
  grpc::ServerUnaryReactor* Renew(grpc::CallbackServerContext* context,
                                  const v1::RenewRequest* request,
                                  v1::Credentials* response) override;

 private:
  [[nodiscard]] Result<pki::ProgramIdentity> renewing_program(
      const grpc::CallbackServerContext& context, const pki::ProgramIdentity& caller) const;
  [[nodiscard]] Result<v1::Credentials> issue(const pki::ProgramIdentity& identity,
                                              const std::string& csr) const;
  // On the store's thread.
  [[nodiscard]] Result<void> note_enrollment(Registry& registry,
                                             const pki::ProgramIdentity& identity,
                                             const std::string& token_id, const std::string& peer);

  ControlLoop& loop_;
  AccessBook& book_;
  const Authorizer& authorizer_;
  const IdentityIssuer& issuer_;
  const Clock& clock_;
};

}  // namespace isopop::control
