#include "control_plane/registry/schema.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>

namespace isopop::control {
namespace {

// A worker's row stays when it is deleted, so that its numbers are never given
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

// Versions are one thing, what is live of them another. Of a worker's deployments at most one is
// live (state 3) and at most one on its way (1, 2): the numbers are v1::DeploymentState's.
// `was_live` stays with those that a rollback may go back to; a deleted worker's have lost it. What
// a worker was before becomes its first deployment. `bundle_key` is the public key of the versions'
// signatures.
constexpr std::string_view kMigration3 = R"sql(
ALTER TABLE versions ADD COLUMN tag TEXT NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN signature BLOB NOT NULL DEFAULT x'';
CREATE INDEX versions_by_bundle ON versions (bundle_sha256);
CREATE TABLE bundle_key (
  public_pem TEXT NOT NULL
) STRICT;
ALTER TABLE workers ADD COLUMN last_deployment INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
CREATE TABLE deployments (
  worker TEXT NOT NULL REFERENCES workers (name),
  number INTEGER NOT NULL,
  state INTEGER NOT NULL,
  was_live INTEGER NOT NULL,
  wave INTEGER NOT NULL,
  reason TEXT NOT NULL,
  stickiness BLOB NOT NULL,
  plan BLOB NOT NULL,
  base INTEGER NOT NULL,
  rolled_back_from INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER NOT NULL,
  author TEXT NOT NULL,
  message TEXT NOT NULL,
  PRIMARY KEY (worker, number)
) STRICT;
CREATE UNIQUE INDEX deployment_live ON deployments (worker) WHERE state = 3;
CREATE UNIQUE INDEX deployment_rolling ON deployments (worker) WHERE state IN (1, 2);
CREATE INDEX deployments_by_time ON deployments (created_at_ms);
CREATE TABLE shares (
  worker TEXT NOT NULL,
  deployment INTEGER NOT NULL,
  version INTEGER NOT NULL,
  weight INTEGER NOT NULL,
  PRIMARY KEY (worker, deployment, version),
  FOREIGN KEY (worker, deployment) REFERENCES deployments (worker, number)
) STRICT;
INSERT INTO deployments
  SELECT v.worker, 1, 3, 1, 0, '', x'', x'', 0, 0, v.created_at_ms, v.created_at_ms, v.author,
    v.message
  FROM workers w JOIN versions v ON v.worker = w.name AND v.number = w.live_number;
INSERT INTO shares SELECT name, 1, live_number, 10000 FROM workers WHERE live_number IS NOT NULL;
UPDATE workers SET last_deployment = live_number IS NOT NULL, deleted = live_number IS NULL;
ALTER TABLE workers DROP COLUMN live_number;

CREATE TABLE audit (
  number INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  detail TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_object ON audit (object, number);
CREATE INDEX audit_by_actor ON audit (actor, number);
CREATE TRIGGER audit_keeps_entries BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_goes_on BEFORE INSERT ON audit
  WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM audit)
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_keeps_words BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
)sql";

// Key-value namespaces. A key that was deleted keeps its row for a while (value NULL,
// deleted_at_ms), so that an older write that comes late does not bring it back. `kv_clock` has one
// row: the last stamp that was given.
constexpr std::string_view kMigration4 = R"sql(
CREATE TABLE kv_namespaces (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  created_at_ms INTEGER NOT NULL,
  keys INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE kv_entries (
  namespace_id INTEGER NOT NULL,
  key BLOB NOT NULL,
  stamp INTEGER NOT NULL,
  origin TEXT NOT NULL,
  expires_at_s INTEGER NOT NULL,
  deleted_at_ms INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  value BLOB,
  PRIMARY KEY (namespace_id, key)
) STRICT;
CREATE INDEX kv_entries_deleted ON kv_entries (deleted_at_ms) WHERE deleted_at_ms != 0;
CREATE INDEX kv_entries_expiring ON kv_entries (expires_at_s) WHERE expires_at_s != 0;
CREATE TABLE kv_clock (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  last_stamp INTEGER NOT NULL
) STRICT;
INSERT INTO kv_clock (only, last_stamp) VALUES (1, 0);
)sql";

// Who may: tokens by the hash of their text, never the text; which programs may not any more;
// values for workers, sealed; what people want of PoPs. A token that is good any number of times
// has no `uses_left`; lists are one entry a line.
constexpr std::string_view kMigration5 = R"sql(
CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  workers TEXT NOT NULL,
  ids TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  revoked INTEGER NOT NULL,
  last_used_ms INTEGER NOT NULL,
  uses_left INTEGER
) STRICT;
CREATE TABLE revoked_identities (
  identity TEXT PRIMARY KEY,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE secrets (
  worker TEXT NOT NULL,
  name TEXT NOT NULL,
  selector TEXT NOT NULL,
  sealed BLOB NOT NULL,
  changed_at_ms INTEGER NOT NULL,
  changed_by TEXT NOT NULL,
  PRIMARY KEY (worker, name)
) STRICT;
CREATE TABLE pop_services (
  pop TEXT PRIMARY KEY,
  service INTEGER NOT NULL
) STRICT;
)sql";

using Migrations = std::array<std::string_view, 5>;
constexpr Migrations kMigrations = {kMigration1, kMigration2, kMigration3, kMigration4,
                                    kMigration5};

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

Result<void> check_origin(Database& database) {
  ISOPOP_TRY_ASSIGN(const std::int64_t application, pragma(database, "application_id"));
  ISOPOP_TRY_ASSIGN(const std::int64_t present, pragma(database, "user_version"));
  if (application != kApplicationId) {
    return Error{ErrorCode::kFailedPrecondition, "is a database of some other program"};
  }
  if (present > newest_schema_version()) {
    return Error{ErrorCode::kFailedPrecondition,
                 fmt::format("was written by a newer isopop-control (schema {}, this program knows "
                             "{}); run that version, or use another state folder",
                             present, newest_schema_version())};
  }
  return {};
}

Result<void> check_schema(Database& database) {
  ISOPOP_TRY(check_origin(database));
  ISOPOP_TRY_ASSIGN(const std::int64_t present, pragma(database, "user_version"));
  if (present == newest_schema_version()) return {};
  return Error{ErrorCode::kFailedPrecondition, "was written by an older isopop-control"};
}

Result<void> migrate(Database& database) {
  ISOPOP_TRY_ASSIGN(const bool empty, is_empty(database));
  if (!empty) ISOPOP_TRY(check_origin(database));
  ISOPOP_TRY_ASSIGN(const std::int64_t present, pragma(database, "user_version"));
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
