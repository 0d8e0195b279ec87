#pragma once

#include <cstdint>

#include "common/result/result.h"
#include "control_plane/registry/sqlite.h"

namespace isopop::control {

// The tables of control.db. Each change of them is one more migration at the end of the list in
// schema.cc; a migration that was released is never edited.

// PRAGMA application_id: "isop".
inline constexpr std::int64_t kApplicationId = 0x69736f70;

[[nodiscard]] std::int64_t newest_schema_version();

// Of this program, and exactly as it writes it now. FAILED_PRECONDITION says what it is instead.
[[nodiscard]] Result<void> check_schema(Database& database);

// Of this program, in this version or an older one. FAILED_PRECONDITION as above.
[[nodiscard]] Result<void> check_origin(Database& database);

// Brings the database to the newest version, each migration in a transaction of its own.
// FAILED_PRECONDITION when it was written by a newer program or belongs to another one.
[[nodiscard]] Result<void> migrate(Database& database);

}  // namespace isopop::control
