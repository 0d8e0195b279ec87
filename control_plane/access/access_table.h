#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "control_plane/access/token.h"
#include "control_plane/registry/sqlite.h"

namespace isopop::control {

// Tokens and revoked programs in control.db. On the store's thread; what changes something does so
// within the caller's transaction.
class AccessTable final {
 public:
  explicit AccessTable(Database& database) : database_(database) {}

  [[nodiscard]] Result<std::vector<Token>> tokens();  // oldest first
  [[nodiscard]] Result<void> add(const Token& token);
  // NOT_FOUND: there is none, or it was revoked before.
  [[nodiscard]] Result<void> revoke(const std::string& id);
  // Only forwards.
  [[nodiscard]] Result<void> note_used(const std::string& id, std::int64_t at_ms);
  // PERMISSION_DENIED: it was good for so many and no more.
  [[nodiscard]] Result<void> take_use(const std::string& id);

  [[nodiscard]] Result<std::set<std::string>> revoked_identities();  // "pop/AMS"
  [[nodiscard]] Result<void> revoke_identity(const std::string& identity, std::int64_t at_ms);
  // NOT_FOUND: it was not revoked.
  [[nodiscard]] Result<void> restore_identity(const std::string& identity);

 private:
  Database& database_;
};

}  // namespace isopop::control
