#include "control_plane/cli/identity_change.h"

#include <fmt/format.h>

#include "common/pki/identity.h"
#include "isopop/v1/access.grpc.pb.h"

namespace isopop::control::cli {

ExitCode change_identity(Session& session, const std::string& name, IdentityChange change) {
  const Result<pki::ProgramIdentity> identity = pki::parse_identity(name);
  if (!identity.ok()) return session.terminal.fail(ExitCode::kUsage, identity.error().message);
  if (change == IdentityChange::kRevoke &&
      !is_confirmed(session, fmt::format("cut {} off from this network?", name))) {
    return ExitCode::kDone;
  }
  v1::RevokeIdentityRequest request;
  request.set_kind(identity.value().kind);
  request.set_id(identity.value().id);
  request.set_restore(change == IdentityChange::kRestore);
  const auto changed = session.client->call(&v1::Access::Stub::RevokeIdentity, request);
  if (!changed.ok()) return fail_call(session.terminal, changed.error());
  session.terminal.note(change == IdentityChange::kRestore ? fmt::format("{} may come back", name)
                                                           : fmt::format("{} is cut off", name));
  return ExitCode::kDone;
}

}  // namespace isopop::control::cli
