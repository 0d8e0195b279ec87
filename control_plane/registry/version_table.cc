#include "control_plane/registry/version_table.h"

#include <fmt/format.h>

#include <utility>

#include "common/hash/hash.h"
#include "common/text/text.h"
#include "control_plane/registry/bundle.h"
#include "control_plane/registry/names.h"

namespace isopop::control {
namespace {

// In the order that read_version() expects.
constexpr std::string_view kColumns =
    "worker, number, id, bundle_sha256, bundle_bytes, settings, routes, created_at_ms, author, "
    "message, tag, signature";

std::int64_t to_signed(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}

// Routes hold no line break, so one text column keeps them in order.
std::string join_routes(const v1::WorkerVersion& version) {
  return join({version.routes().begin(), version.routes().end()}, "\n");
}

Result<v1::WorkerVersion> read_version(const Statement& row) {
  v1::WorkerVersion version;
  version.set_worker(row.text(0));
  version.set_number(static_cast<std::uint64_t>(row.number(1)));
  version.set_id(row.text(2));
  version.set_bundle_sha256(row.text(3));
  version.set_bundle_bytes(static_cast<std::uint64_t>(row.number(4)));
  if (!version.mutable_settings()->ParseFromString(row.text(5))) {
    return Error{ErrorCode::kDataLoss, fmt::format("the settings of {} v{} are damaged",
                                                   version.worker(), version.number())};
  }
  const std::string routes = row.text(6);
  if (!routes.empty()) {
    for (const std::string_view route : split(routes, '\n')) version.add_routes(std::string(route));
  }
  version.set_created_at_ms(row.number(7));
  version.set_author(row.text(8));
  version.set_message(row.text(9));
  version.set_tag(row.text(10));
  version.set_signature(row.text(11));
  return version;
}

Result<std::optional<v1::WorkerVersion>> first_of(Statement& rows) {
  ISOPOP_TRY_ASSIGN(const bool row, rows.step());
  if (!row) return std::optional<v1::WorkerVersion>();
  ISOPOP_TRY_ASSIGN(v1::WorkerVersion version, read_version(rows));
  return std::optional(std::move(version));
}

Result<std::vector<v1::WorkerVersion>> all_of(Statement& rows) {
  std::vector<v1::WorkerVersion> versions;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return versions;
    ISOPOP_TRY_ASSIGN(v1::WorkerVersion version, read_version(rows));
    versions.push_back(std::move(version));
  }
}

}  // namespace

Result<std::optional<v1::WorkerVersion>> VersionTable::find(const std::string& worker,
                                                            std::uint64_t number) {
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_.prepare(fmt::format(
                        "SELECT {} FROM versions WHERE worker = ?1 AND number = ?2", kColumns)));
  rows.bind(1, worker).bind(2, to_signed(number));
  return first_of(rows);
}

Result<std::optional<v1::WorkerVersion>> VersionTable::newest(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(
      Statement rows,
      database_.prepare(fmt::format(
          "SELECT {} FROM versions WHERE worker = ?1 ORDER BY number DESC LIMIT 1", kColumns)));
  rows.bind(1, worker);
  return first_of(rows);
}

Result<std::vector<v1::WorkerVersion>> VersionTable::list(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(
      Statement rows,
      database_.prepare(
          fmt::format("SELECT {} FROM versions WHERE worker = ?1 ORDER BY number DESC", kColumns)));
  rows.bind(1, worker);
  return all_of(rows);
}

Result<std::uint64_t> VersionTable::count(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_.prepare("SELECT count(*) FROM versions WHERE worker = ?1"));
  rows.bind(1, worker);
  ISOPOP_TRY_ASSIGN(const bool row, rows.step());
  return row ? static_cast<std::uint64_t>(rows.number(0)) : std::uint64_t{0};
}

Result<void> VersionTable::insert(const v1::WorkerVersion& version, const std::string& bundle) {
  ISOPOP_TRY_ASSIGN(Statement code,
                    database_.prepare("INSERT OR IGNORE INTO bundles VALUES (?1, ?2)"));
  ISOPOP_TRY(code.bind(1, version.bundle_sha256()).bind_blob(2, bundle).run());
  ISOPOP_TRY_ASSIGN(
      Statement row,
      database_.prepare(fmt::format(
          "INSERT INTO versions ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
          kColumns)));
  return row.bind(1, version.worker())
      .bind(2, to_signed(version.number()))
      .bind(3, version.id())
      .bind(4, version.bundle_sha256())
      .bind(5, to_signed(version.bundle_bytes()))
      .bind_blob(6, canonical_settings(version.settings()))
      .bind(7, join_routes(version))
      .bind(8, version.created_at_ms())
      .bind(9, version.author())
      .bind(10, version.message())
      .bind(11, version.tag())
      .bind_blob(12, version.signature())
      .run();
}

Result<void> VersionTable::erase(const v1::WorkerVersion& version) {
  ISOPOP_TRY_ASSIGN(Statement row,
                    database_.prepare("DELETE FROM versions WHERE worker = ?1 AND number = ?2"));
  ISOPOP_TRY(row.bind(1, version.worker()).bind(2, to_signed(version.number())).run());
  ISOPOP_TRY_ASSIGN(Statement code,
                    database_.prepare("DELETE FROM bundles WHERE sha256 = ?1 AND NOT EXISTS "
                                      "(SELECT 1 FROM versions WHERE bundle_sha256 = ?1)"));
  return code.bind(1, version.bundle_sha256()).run();
}

Result<void> VersionTable::set_signature(const v1::WorkerVersion& version,
                                         const std::string& signature) {
  ISOPOP_TRY_ASSIGN(
      Statement row,
      database_.prepare("UPDATE versions SET signature = ?3 WHERE worker = ?1 AND number = ?2"));
  return row.bind(1, version.worker())
      .bind(2, to_signed(version.number()))
      .bind_blob(3, signature)
      .run();
}

Result<std::string> VersionTable::bundle(const std::string& sha256) {
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_.prepare("SELECT bytes FROM bundles WHERE sha256 = ?1"));
  rows.bind(1, sha256);
  ISOPOP_TRY_ASSIGN(const bool row, rows.step());
  if (!row) return not_found(fmt::format("there is no bundle {}", in_quotes(sha256)));
  std::string bytes = rows.text(0);
  if (sha256_hex(bytes) != sha256) {
    return Error{
        ErrorCode::kDataLoss,
        fmt::format("bundle {} is damaged in the database; deploy its worker again", sha256)};
  }
  return bytes;
}

Result<std::vector<v1::WorkerVersion>> VersionTable::all() {
  ISOPOP_TRY_ASSIGN(
      Statement rows,
      database_.prepare(fmt::format("SELECT {} FROM versions ORDER BY worker, number", kColumns)));
  return all_of(rows);
}

Result<std::string> VersionTable::signed_by() {
  ISOPOP_TRY_ASSIGN(Statement rows, database_.prepare("SELECT public_pem FROM bundle_key"));
  ISOPOP_TRY_ASSIGN(const bool row, rows.step());
  return row ? rows.text(0) : std::string();
}

Result<void> VersionTable::set_signed_by(const std::string& public_pem) {
  ISOPOP_TRY(database_.execute("DELETE FROM bundle_key"));
  ISOPOP_TRY_ASSIGN(Statement insert, database_.prepare("INSERT INTO bundle_key VALUES (?1)"));
  return insert.bind(1, public_pem).run();
}

}  // namespace isopop::control
