#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/pki/identity.h"
#include "common/result/result.h"
#include "control_plane/access/actor.h"
#include "control_plane/access/permission.h"

namespace isopop::control {

// What a token makes of who shows it. kJoin is for programs that have no certificate yet: it is
// good for enrolment and nothing else.
enum class Role { kReader, kDeployer, kAdmin, kJoin };

[[nodiscard]] std::string_view role_name(Role role);  // "reader", …
[[nodiscard]] std::optional<Role> parse_role(std::string_view text);

// Who is calling, once that is known.
struct Caller {
  Actor actor;
  Role role = Role::kReader;                    // of people
  std::vector<std::string> workers;             // a deployer's: patterns; empty: all
  std::optional<pki::ProgramIdentity> program;  // then it is no person
  bool is_anonymous = false;                    // --insecure: may do everything
};

// PERMISSION_DENIED says what is missing. `worker` as in Authorizer::authorize.
[[nodiscard]] Result<void> check_permission(const Caller& caller, Permission permission,
                                            std::string_view worker);

}  // namespace isopop::control
