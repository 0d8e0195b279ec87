#include "control_plane/registry/schema.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>

namespace isopop::control {
namespace {

// A worker's row stays when it is deleted (live_number NULL), so that its numbers are never given
// again: (worker, number) is immutable for ever. `routes` holds what live versions claim.
constexpr std::string_view kMigration1 = R"sql(
CREATE TABLE bundles (
  sha256 TEXT PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;
CREATE TABLE workers (
  name TEXT PRIMARY KEY,
  last_number INTEGER NOT NULL,
  live_number INTEGER
) STRICT;
CREATE TABLE versions (
  worker TEXT NOT NULL REFERENCES workers (name),
  number INTEGER NOT NULL,
  id TEXT NOT NULL UNIQUE,
  bundle_sha256 TEXT NOT NULL REFERENCES bundles (sha256),
  bundle_bytes INTEGER NOT NULL,
  settings BLOB NOT NULL,
  routes TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  author TEXT NOT NULL,
  message TEXT NOT NULL,
  PRIMARY KEY (worker, number)
) STRICT;
CREATE TABLE routes (
  pattern TEXT PRIMARY KEY,
  worker TEXT NOT NULL REFERENCES workers (name)
) STRICT;
CREATE INDEX routes_by_worker ON routes (worker);
)sql";

// Which PoPs were connected, so that after a restart the control plane knows whom to wait for
// before it tells routers that its list is complete.
constexpr std::string_view kMigration2 = R"sql(
CREATE TABLE pops (
  id TEXT PRIMARY KEY
) STRICT;
)sql";

constexpr std::array kMigrations = {kMigration1, kMigration2};

Result<std::int64_t> pragma(Database& database, std::string_view name) {
  ISOPOP_TRY_ASSIGN(Statement statement, database.prepare(fmt::format("PRAGMA {}", name)));
  ISOPOP_TRY_ASSIGN(const bool row, statement.step());
  ISOPOP_ASSERT(row, "a pragma to have a value");
  return statement.number(0);
}

Result<bool> is_empty(Database& database) {
  ISOPOP_TRY_ASSIGN(Statement statement, database.prepare("SELECT count(*) FROM sqlite_schema"));
  ISOPOP_TRY_ASSIGN(const bool row, statement.step());
  return row && statement.number(0) == 0;
}

}  // namespace

std::int64_t newest_schema_version() {
  return static_cast<std::int64_t>(kMigrations.size());
}

Result<void> migrate(Database& database) {
  ISOPOP_TRY_ASSIGN(const std::int64_t application, pragma(database, "application_id"));
  ISOPOP_TRY_ASSIGN(const std::int64_t present, pragma(database, "user_version"));
  ISOPOP_TRY_ASSIGN(const bool empty, is_empty(database));
  if (!empty && application != kApplicationId) {
    return Error{ErrorCode::kFailedPrecondition, "is a database of some other program"};
  }
  if (present > newest_schema_version()) {
    return Error{ErrorCode::kFailedPrecondition,
                 fmt::format("was written by a newer isopop-control (schema {}, this program knows "
                             "{}); run that version, or use another state folder",
                             present, newest_schema_version())};
  }
  for (std::int64_t version = present; version < newest_schema_version(); ++version) {
    ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(database));
    ISOPOP_TRY(database.execute(std::string(kMigrations.at(static_cast<std::size_t>(version)))));
    ISOPOP_TRY(database.execute(fmt::format("PRAGMA user_version = {}; PRAGMA application_id = {};",
                                            version + 1, kApplicationId)));
    ISOPOP_TRY(transaction.commit());
  }
  return {};
}

}  // namespace isopop::control
