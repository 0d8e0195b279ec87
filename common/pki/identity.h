#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace isopop::pki {

// Who a program is, as its certificate says in a URI: spiffe://isopop/pop/AMS.
struct ProgramIdentity {
  std::string kind;  // one of program_kinds()
  std::string id;

  [[nodiscard]] std::string name() const { return kind + "/" + id; }  // "pop/AMS"
  [[nodiscard]] std::string uri() const;

  friend auto operator<=>(const ProgramIdentity&, const ProgramIdentity&) = default;
};

// pop, router, relay, replay, control.
[[nodiscard]] const std::vector<std::string>& program_kinds();

// INVALID_ARGUMENT: an unknown kind; an id that is not 1 to 63 letters, digits, '-', '_' or '.', or
// begins with '.'.
[[nodiscard]] Result<void> check_identity(const ProgramIdentity& identity);

// From a URI, or "pop/AMS".
[[nodiscard]] Result<ProgramIdentity> parse_identity_uri(std::string_view uri);
[[nodiscard]] Result<ProgramIdentity> parse_identity(std::string_view name);

// Whether "pop/AMS" or "shop-api" fits a pattern in which '*' stands for any text, also none.
[[nodiscard]] bool fits_pattern(std::string_view text, std::string_view pattern);

}  // namespace isopop::pki
