#include "control_plane/registry/registry.h"

#include <fmt/format.h>

#include <utility>

#include "common/hash/hash.h"
#include "common/random/random.h"
#include "common/text/text.h"
#include "control_plane/registry/names.h"
#include "control_plane/registry/schema.h"

namespace isopop::control {
namespace {

constexpr std::size_t kIdBytes = 16;

// The columns of a version, in the order that read_version() expects.
constexpr std::string_view kVersionColumns =
    "v.worker, v.number, v.id, v.bundle_sha256, v.bundle_bytes, v.settings, v.routes, "
    "v.created_at_ms, v.author, v.message";

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
  return version;
}

bool is_same(const v1::WorkerVersion& live, const NewVersion& wanted) {
  return live.bundle_sha256() == wanted.bundle.sha256 &&
         std::vector<std::string>(live.routes().begin(), live.routes().end()) == wanted.routes &&
         canonical_settings(live.settings()) == canonical_settings(wanted.settings);
}

}  // namespace

Result<std::unique_ptr<Registry>> Registry::open(const std::filesystem::path& path,
                                                 const Clock& clock) {
  ISOPOP_TRY_ASSIGN(std::unique_ptr<Database> database, Database::open(path));
  ISOPOP_TRY(migrate(*database).with_context(path.string()));
  return std::unique_ptr<Registry>(new Registry(std::move(database), clock));
}

Result<Registry::Outcome> Registry::preview(const NewVersion& wanted) {
  ISOPOP_TRY(check_routes_free(wanted));
  ISOPOP_TRY_ASSIGN(std::optional<v1::WorkerVersion> live, live_version(wanted.worker));
  if (live && is_same(*live, wanted))
    return Outcome{.version = *std::move(live), .unchanged = true};
  ISOPOP_TRY_ASSIGN(const std::uint64_t last, last_number(wanted.worker));
  v1::WorkerVersion version;
  version.set_worker(wanted.worker);
  version.set_number(last + 1);
  version.set_bundle_sha256(wanted.bundle.sha256);
  version.set_bundle_bytes(wanted.bundle.bytes.size());
  *version.mutable_settings() = wanted.settings;
  for (const std::string& route : wanted.routes) version.add_routes(route);
  version.set_created_at_ms(to_unix_ms(clock_.wall_now()));
  version.set_author(wanted.author);
  version.set_message(wanted.message);
  return Outcome{.version = std::move(version), .unchanged = false};
}

Result<Registry::Outcome> Registry::deploy(const NewVersion& wanted) {
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  ISOPOP_TRY_ASSIGN(Outcome outcome, preview(wanted));
  if (outcome.unchanged) return outcome;
  outcome.version.set_id(random_hex(kIdBytes));
  ISOPOP_TRY(write(wanted, outcome.version));
  ISOPOP_TRY(claim_routes(outcome.version));
  ISOPOP_TRY(transaction.commit());
  return outcome;
}

Result<void> Registry::write(const NewVersion& wanted, const v1::WorkerVersion& version) {
  ISOPOP_TRY_ASSIGN(Statement bundle,
                    database_->prepare("INSERT OR IGNORE INTO bundles VALUES (?1, ?2)"));
  ISOPOP_TRY(bundle.bind(1, wanted.bundle.sha256).bind_blob(2, wanted.bundle.bytes).run());

  ISOPOP_TRY_ASSIGN(
      Statement worker,
      database_->prepare("INSERT INTO workers VALUES (?1, ?2, ?2) ON CONFLICT (name) DO UPDATE "
                         "SET last_number = ?2, live_number = ?2"));
  ISOPOP_TRY(worker.bind(1, version.worker()).bind(2, to_signed(version.number())).run());

  ISOPOP_TRY_ASSIGN(
      Statement row,
      database_->prepare("INSERT INTO versions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"));
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
      .run();
}

Result<void> Registry::claim_routes(const v1::WorkerVersion& version) {
  ISOPOP_TRY_ASSIGN(Statement release, database_->prepare("DELETE FROM routes WHERE worker = ?1"));
  ISOPOP_TRY(release.bind(1, version.worker()).run());
  ISOPOP_TRY_ASSIGN(Statement claim, database_->prepare("INSERT INTO routes VALUES (?1, ?2)"));
  for (const std::string& route : version.routes()) {
    ISOPOP_TRY(claim.bind(1, route).bind(2, version.worker()).run());
  }
  return {};
}

Result<void> Registry::check_routes_free(const NewVersion& wanted) {
  ISOPOP_TRY_ASSIGN(Statement owner,
                    database_->prepare("SELECT worker FROM routes WHERE pattern = ?1"));
  for (const std::string& route : wanted.routes) {
    owner.bind(1, route);
    ISOPOP_TRY_ASSIGN(const bool taken, owner.step());
    if (taken && owner.text(0) != wanted.worker) {
      return Error{ErrorCode::kAlreadyExists,
                   fmt::format("route {} belongs to worker {}; delete that worker, or deploy it "
                               "without the route, first",
                               in_quotes(route), owner.text(0))};
    }
  }
  return {};
}

Result<void> Registry::remove(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  ISOPOP_TRY_ASSIGN(const std::optional<v1::WorkerVersion> live, live_version(worker));
  if (!live) return not_found(fmt::format("there is no worker {}", in_quotes(worker)));
  ISOPOP_TRY_ASSIGN(Statement routes, database_->prepare("DELETE FROM routes WHERE worker = ?1"));
  ISOPOP_TRY(routes.bind(1, worker).run());
  ISOPOP_TRY_ASSIGN(Statement row,
                    database_->prepare("UPDATE workers SET live_number = NULL WHERE name = ?1"));
  ISOPOP_TRY(row.bind(1, worker).run());
  return transaction.commit();
}

Result<std::vector<Registry::Listed>> Registry::workers() {
  ISOPOP_TRY_ASSIGN(
      Statement rows,
      database_->prepare(fmt::format(
          "SELECT {}, (SELECT count(*) FROM versions c WHERE c.worker = v.worker) FROM workers w "
          "JOIN versions v ON v.worker = w.name AND v.number = w.live_number ORDER BY w.name",
          kVersionColumns)));
  std::vector<Listed> listed;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return listed;
    ISOPOP_TRY_ASSIGN(v1::WorkerVersion live, read_version(rows));
    listed.push_back(
        {.live = std::move(live), .versions = static_cast<std::uint64_t>(rows.number(10))});
  }
}

Result<Registry::History> Registry::versions(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(const std::optional<v1::WorkerVersion> live, live_version(worker));
  if (!live) return not_found(fmt::format("there is no worker {}", in_quotes(worker)));
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_->prepare(fmt::format(
                        "SELECT {} FROM versions v WHERE v.worker = ?1 ORDER BY v.number DESC",
                        kVersionColumns)));
  rows.bind(1, worker);
  History history{.versions = {}, .live_number = live->number()};
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return history;
    ISOPOP_TRY_ASSIGN(v1::WorkerVersion version, read_version(rows));
    history.versions.push_back(std::move(version));
  }
}

Result<std::string> Registry::bundle(const std::string& sha256) {
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_->prepare("SELECT bytes FROM bundles WHERE sha256 = ?1"));
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

Result<std::set<std::string>> Registry::known_pops() {
  ISOPOP_TRY_ASSIGN(Statement rows, database_->prepare("SELECT id FROM pops"));
  std::set<std::string> ids;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return ids;
    ids.insert(rows.text(0));
  }
}

Result<void> Registry::remember_pops(const std::set<std::string>& ids) {
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  ISOPOP_TRY(database_->execute("DELETE FROM pops"));
  ISOPOP_TRY_ASSIGN(Statement insert, database_->prepare("INSERT INTO pops VALUES (?1)"));
  for (const std::string& id : ids) ISOPOP_TRY(insert.bind(1, id).run());
  return transaction.commit();
}

Result<std::optional<v1::WorkerVersion>> Registry::live_version(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_->prepare(
                        fmt::format("SELECT {} FROM workers w JOIN versions v ON v.worker = w.name "
                                    "AND v.number = w.live_number WHERE w.name = ?1",
                                    kVersionColumns)));
  rows.bind(1, worker);
  ISOPOP_TRY_ASSIGN(const bool row, rows.step());
  if (!row) return std::optional<v1::WorkerVersion>();
  ISOPOP_TRY_ASSIGN(v1::WorkerVersion version, read_version(rows));
  return std::optional(std::move(version));
}

Result<std::uint64_t> Registry::last_number(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_->prepare("SELECT last_number FROM workers WHERE name = ?1"));
  rows.bind(1, worker);
  ISOPOP_TRY_ASSIGN(const bool row, rows.step());
  return row ? static_cast<std::uint64_t>(rows.number(0)) : std::uint64_t{0};
}

}  // namespace isopop::control
