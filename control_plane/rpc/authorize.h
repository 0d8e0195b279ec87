#pragma once

#include <grpcpp/grpcpp.h>

#include <optional>
#include <string_view>

#include "common/pki/identity.h"
#include "common/result/result.h"
#include "control_plane/access/access_book.h"
#include "control_plane/access/actor.h"
#include "control_plane/access/caller.h"
#include "control_plane/access/permission.h"

namespace isopop::control {

// Who the caller's certificate, which gRPC has checked, says it is.
[[nodiscard]] std::optional<pki::ProgramIdentity> program_of(
    const grpc::CallbackServerContext& context);

// Who is calling, and whether they may. Every method of every service asks before it does
// anything. People show a token, programs a certificate. Thread-safe.
class Authorizer final {
 public:
  // --insecure: everybody may do everything.
  Authorizer() = default;
  explicit Authorizer(AccessBook& book) : book_(&book) {}

  // `worker` is the one that is to be changed, where it is one. UNAUTHENTICATED: it is not known
  // who calls; PERMISSION_DENIED: it is known, and they may not.
  [[nodiscard]] Result<Actor> authorize(const grpc::CallbackServerContext& context,
                                        Permission permission, std::string_view worker = {}) const;
  // For what programs and people who may read do alike.
  [[nodiscard]] Result<Actor> authorize_program_or_reader(
      const grpc::CallbackServerContext& context) const;
  // For what comes before a certificate: with one, or with a join token that is still good.
  [[nodiscard]] Result<void> authorize_joining(const grpc::CallbackServerContext& context,
                                               std::string_view join_token) const;

  [[nodiscard]] Result<Caller> caller(const grpc::CallbackServerContext& context) const;
  [[nodiscard]] bool is_insecure() const { return book_ == nullptr; }

 private:
  AccessBook* book_ = nullptr;  // null: --insecure
};

}  // namespace isopop::control
