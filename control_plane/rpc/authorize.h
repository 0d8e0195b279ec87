#pragma once

#include <grpcpp/grpcpp.h>

#include <string_view>

#include "common/result/result.h"
#include "control_plane/access/actor.h"
#include "control_plane/access/permission.h"

namespace isopop::control {

// Who is calling, and whether they may. Every method of every service asks before it does
// anything. Thread-safe.
class Authorizer final {
 public:
  // --insecure: everybody may do everything.
  Authorizer() = default;

  // `worker` is the one that is to be changed, where it is one. UNAUTHENTICATED: it is not known
  // who calls; PERMISSION_DENIED: it is known, and they may not.
  [[nodiscard]] Result<Actor> authorize(const grpc::CallbackServerContext& context,
                                        Permission permission, std::string_view worker = {}) const;
};

}  // namespace isopop::control
