#include "control_plane/access/caller.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace isopop::control {
namespace {

Error denied(std::string message) {
  return Error{ErrorCode::kPermissionDenied, std::move(message)};
}

Result<void> check_deployer(const Caller& caller, std::string_view worker) {
  if (caller.workers.empty()) return {};
  const bool fits = std::any_of(
      caller.workers.begin(), caller.workers.end(),
      [worker](const std::string& pattern) { return pki::fits_pattern(worker, pattern); });
  if (fits) return {};
  return denied(fmt::format("{} may change {} and not {}; ask an admin for a token that may",
                            caller.actor.name, fmt::join(caller.workers, ", "),
                            worker.empty() ? "what is no worker's own" : worker));
}

}  // namespace

std::string_view role_name(Role role) {
  switch (role) {
    case Role::kReader:
      return "reader";
    case Role::kDeployer:
      return "deployer";
    case Role::kAdmin:
      return "admin";
    case Role::kJoin:
      return "join";
  }
  return "";
}

std::optional<Role> parse_role(std::string_view text) {
  for (const Role role : {Role::kReader, Role::kDeployer, Role::kAdmin, Role::kJoin}) {
    if (role_name(role) == text) return role;
  }
  return std::nullopt;
}

Result<void> check_permission(const Caller& caller, Permission permission,
                              std::string_view worker) {
  if (caller.is_anonymous) return {};
  const std::string& name = caller.actor.name;
  if (caller.program) {
    if (permission == Permission::kProgram) return {};
    return denied(fmt::format("{} is a program and may not do what people do; use a token", name));
  }
  switch (permission) {
    case Permission::kProgram:
      return denied(fmt::format("{} is not a program: this is for those with a certificate", name));
    case Permission::kRead:
      return {};
    case Permission::kDeploy:
      if (caller.role == Role::kAdmin) return {};
      if (caller.role == Role::kDeployer) return check_deployer(caller, worker);
      return denied(fmt::format(
          "{} is a reader and may change nothing; ask an admin for a deployer's token", name));
    case Permission::kAdmin:
      if (caller.role == Role::kAdmin) return {};
      return denied(
          fmt::format("{} is a {}; this takes an admin's token", name, role_name(caller.role)));
  }
  return denied("unknown permission");
}

}  // namespace isopop::control
