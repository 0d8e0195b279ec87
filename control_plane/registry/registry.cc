#include "control_plane/registry/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/files/files.h"
#include "common/random/random.h"
#include "control_plane/audit/audit_log.h"
#include "control_plane/registry/audit_detail.h"
#include "control_plane/registry/deployment_rules.h"
#include "control_plane/registry/names.h"
#include "control_plane/registry/schema.h"
#include "control_plane/registry/version_signature.h"

namespace isopop::control {
namespace {

constexpr std::size_t kIdBytes = 16;

// A new tag is worth a new version; a new message is not.
bool is_same(const v1::WorkerVersion& version, const NewVersion& wanted) {
  return version.bundle_sha256() == wanted.bundle.sha256 &&
         std::vector<std::string>(version.routes().begin(), version.routes().end()) ==
             wanted.routes &&
         canonical_settings(version.settings()) == canonical_settings(wanted.settings) &&
         (wanted.tag.empty() || wanted.tag == version.tag());
}

std::string object_of(const v1::WorkerVersion& version) {
  return fmt::format("worker/{}/version/{}", version.worker(), version.number());
}

}  // namespace

Registry::Registry(std::unique_ptr<Database> database, const Clock& clock,
                   const pki::SigningKey* key)
    : database_(std::move(database)),
      clock_(clock),
      key_(key),
      workers_(*database_),
      versions_(*database_),
      deployments_(*database_) {}

Result<std::unique_ptr<Registry>> Registry::open(const std::filesystem::path& path,
                                                 const Clock& clock, const pki::SigningKey* key) {
  Result<std::unique_ptr<Database>> database = Database::open(path);
  if (!database.ok() && database.error().code == ErrorCode::kDataLoss) {
    return open_damaged(path, clock, database.error());
  }
  if (!database.ok()) return database.error();
  ISOPOP_TRY(migrate(*database.value()).with_context(path.string()));
  std::unique_ptr<Registry> registry(new Registry(std::move(database).value(), clock, key));
  ISOPOP_TRY(registry->sign_all().with_context(path.string()));
  return registry;
}

Result<std::unique_ptr<Registry>> Registry::open_damaged(const std::filesystem::path& path,
                                                         const Clock& clock, const Error& damage) {
  Result<std::unique_ptr<Database>> database = Database::open_read_only(
      path, fmt::format("nothing can be changed, what is live is served on: {}", damage.message));
  if (!database.ok() || !check_schema(*database.value()).ok()) return damage;
  std::unique_ptr<Registry> registry(new Registry(std::move(database).value(), clock, nullptr));
  if (!registry->check_live().ok()) return damage;
  return registry;
}

Result<void> Registry::check_live() {
  ISOPOP_TRY_ASSIGN(const std::vector<CurrentWorker> workers, all_current());
  for (const CurrentWorker& worker : workers) {
    for (const auto& [number, version] : worker.versions) {
      ISOPOP_TRY(bundle(version.bundle_sha256()));
    }
  }
  ISOPOP_TRY(known_pops());
  return {};
}

Result<std::uint64_t> Registry::database_bytes() {
  ISOPOP_TRY_ASSIGN(Statement statement,
                    database_->prepare("SELECT page_count * page_size FROM pragma_page_count, "
                                       "pragma_page_size"));
  ISOPOP_TRY_ASSIGN(const bool row, statement.step());
  return row ? static_cast<std::uint64_t>(statement.number(0)) : std::uint64_t{0};
}

Result<void> Registry::backup(const std::filesystem::path& path) {
  if (std::filesystem::exists(path)) {
    return Error{ErrorCode::kAlreadyExists, fmt::format("{} is there already", path.string())};
  }
  // SQLite takes an empty file as none, and leaves its mode as it is.
  ISOPOP_TRY(write_private_file(path, ""));
  ISOPOP_TRY_ASSIGN(Statement copy, database_->prepare("VACUUM INTO ?1"));
  copy.bind(1, path.string());
  const Result<void> copied = copy.run();
  std::error_code ignored;
  if (!copied.ok()) std::filesystem::remove(path, ignored);
  return copied;
}

Result<void> Registry::sign_all() {
  if (key_ == nullptr) return {};
  const std::string public_pem = key_->public_pem();
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  ISOPOP_TRY_ASSIGN(const std::string before, versions_.signed_by());
  ISOPOP_TRY_ASSIGN(const std::vector<v1::WorkerVersion> versions, versions_.all());
  std::uint64_t signed_now = 0;
  for (const v1::WorkerVersion& version : versions) {
    if (before == public_pem && !version.signature().empty()) continue;
    ISOPOP_TRY(versions_.set_signature(version, key_->sign(signed_bytes_of(version))));
    ++signed_now;
  }
  if (before == public_pem && signed_now == 0) return {};
  ISOPOP_TRY(versions_.set_signed_by(public_pem));
  ISOPOP_TRY(audit(control_plane_actor(), "versions.sign", "workers",
                   fmt::format(R"({{"versions":{}}})", signed_now)));
  return transaction.commit();
}

Result<Registry::Uploaded> Registry::upload(const NewVersion& wanted, ExpectedDeployment expected,
                                            Write write, const Actor& actor) {
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  ISOPOP_TRY_ASSIGN(WorkerTable::Row row, row_of(wanted.worker));
  ISOPOP_TRY(check_expected(row, expected));
  ISOPOP_TRY(workers_.check_routes_free(wanted.worker, wanted.routes));
  ISOPOP_TRY_ASSIGN(Uploaded uploaded, draft_version(wanted, row));
  const bool is_there = uploaded.unchanged && !row.deleted;
  if (is_there || write == Write::kDryRun) return uploaded;
  if (!uploaded.unchanged) ISOPOP_TRY(keep_version(wanted, uploaded.version, row, actor));
  row.deleted = false;
  ISOPOP_TRY(workers_.put(row));
  ISOPOP_TRY(transaction.commit());
  return uploaded;
}

Result<Registry::Deployed> Registry::deploy(const NewVersion& wanted, const v1::RolloutPlan& plan,
                                            ExpectedDeployment expected, Write write,
                                            const Actor& actor) {
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  ISOPOP_TRY_ASSIGN(WorkerTable::Row row, row_of(wanted.worker));
  ISOPOP_TRY(check_expected(row, expected));
  ISOPOP_TRY(workers_.check_routes_free(wanted.worker, wanted.routes));
  ISOPOP_TRY_ASSIGN(Uploaded uploaded, draft_version(wanted, row));
  v1::VersionShare share;
  share.set_number(uploaded.version.number());
  share.set_weight(kWeightTotal);
  const NewDeployment terms{.worker = wanted.worker,
                            .shares = {share},
                            .stickiness = {},
                            .plan = plan,
                            .expected = expected,
                            .author = wanted.author,
                            .message = wanted.message};
  ISOPOP_TRY_ASSIGN(v1::Deployment deployment, draft_deployment(terms, row));
  ISOPOP_TRY_ASSIGN(const std::optional<v1::Deployment> rolling,
                    deployments_.under_way(wanted.worker));
  ISOPOP_TRY_ASSIGN(const std::optional<v1::Deployment> live, deployments_.live(wanted.worker));
  const bool is_rolling = rolling && is_same_split(*rolling, deployment) &&
                          rolling->plan().SerializeAsString() == plan.SerializeAsString();
  const bool is_live = !rolling && live && is_same_split(*live, deployment);
  if (uploaded.unchanged && (is_rolling || is_live)) {
    return Deployed{.version = std::move(uploaded.version),
                    .deployment = is_rolling ? *rolling : *live,
                    .unchanged = true};
  }
  Deployed deployed{.version = std::move(uploaded.version), .deployment = std::move(deployment)};
  if (write == Write::kDryRun) return deployed;
  if (!uploaded.unchanged) ISOPOP_TRY(keep_version(wanted, deployed.version, row, actor));
  ISOPOP_TRY(keep_deployment(deployed.deployment, row, actor));
  ISOPOP_TRY(transaction.commit());
  return deployed;
}

// The newest version is looked at, and what is live alone: content that is live already is no news
// even if something else was uploaded since.
Result<Registry::Uploaded> Registry::draft_version(const NewVersion& wanted,
                                                   const WorkerTable::Row& row) {
  ISOPOP_TRY_ASSIGN(std::optional<v1::WorkerVersion> newest, versions_.newest(wanted.worker));
  if (newest && is_same(*newest, wanted)) {
    return Uploaded{.version = *std::move(newest), .unchanged = true};
  }
  ISOPOP_TRY_ASSIGN(const std::optional<v1::Deployment> live, deployments_.live(wanted.worker));
  if (live && live->shares_size() == 1) {
    ISOPOP_TRY_ASSIGN(v1::WorkerVersion version,
                      this->version(wanted.worker, live->shares(0).number()));
    if (is_same(version, wanted)) return Uploaded{.version = std::move(version), .unchanged = true};
  }
  v1::WorkerVersion version;
  version.set_worker(wanted.worker);
  version.set_number(row.last_version + 1);
  version.set_bundle_sha256(wanted.bundle.sha256);
  version.set_bundle_bytes(wanted.bundle.bytes.size());
  // As the table will give it back, since that is what is signed.
  const bool parsed =
      version.mutable_settings()->ParseFromString(canonical_settings(wanted.settings));
  ISOPOP_ASSERT(parsed, "settings that were serialised just now");
  for (const std::string& route : wanted.routes) version.add_routes(route);
  version.set_created_at_ms(to_unix_ms(clock_.wall_now()));
  version.set_author(wanted.author);
  version.set_message(wanted.message);
  version.set_tag(wanted.tag);
  return Uploaded{.version = std::move(version), .unchanged = false};
}

Result<void> Registry::keep_version(const NewVersion& wanted, v1::WorkerVersion& version,
                                    WorkerTable::Row& row, const Actor& actor) {
  version.set_id(random_hex(kIdBytes));
  if (key_ != nullptr) version.set_signature(key_->sign(signed_bytes_of(version)));
  row.last_version = version.number();
  row.deleted = false;
  ISOPOP_TRY(workers_.put(row));
  ISOPOP_TRY(versions_.insert(version, wanted.bundle.bytes));
  return audit(actor, "version.upload", object_of(version), audit_detail(version));
}

Result<void> Registry::remove(const std::string& worker, const Actor& actor) {
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  ISOPOP_TRY_ASSIGN(WorkerTable::Row row, existing(worker));
  row.deleted = true;
  ISOPOP_TRY(workers_.put(row));
  for (auto find : {&DeploymentTable::live, &DeploymentTable::under_way}) {
    ISOPOP_TRY_ASSIGN(std::optional<v1::Deployment> deployment, (deployments_.*find)(worker));
    ISOPOP_TRY(supersede(std::move(deployment), "the worker was deleted"));
  }
  ISOPOP_TRY(deployments_.forget_good(worker));
  ISOPOP_TRY(workers_.claim_routes(worker, {}));
  ISOPOP_TRY(audit(actor, "worker.delete", fmt::format("worker/{}", worker), ""));
  return transaction.commit();
}

Result<void> Registry::remove_version(const std::string& worker, std::uint64_t number,
                                      const Actor& actor) {
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  if (number == 0) return invalid_argument("say which version is to be deleted");
  ISOPOP_TRY_ASSIGN(const v1::WorkerVersion version, this->version(worker, number));
  ISOPOP_TRY_ASSIGN(const std::vector<std::uint64_t> users, deployments_.users_of(worker, number));
  if (!users.empty()) {
    return Error{ErrorCode::kFailedPrecondition,
                 fmt::format("{} v{} is in use by deployment {}; deploy another version first",
                             worker, number, users.front())};
  }
  ISOPOP_TRY(versions_.erase(version));
  ISOPOP_TRY(audit(actor, "version.delete", object_of(version), audit_detail(version)));
  return transaction.commit();
}

Result<std::vector<Registry::Listed>> Registry::workers() {
  ISOPOP_TRY_ASSIGN(const std::vector<std::string> names, workers_.names());
  std::vector<Listed> listed;
  listed.reserve(names.size());
  for (const std::string& name : names) {
    Listed& entry = listed.emplace_back();
    entry.live.set_worker(name);
    ISOPOP_TRY_ASSIGN(CurrentWorker now, current(name));
    ISOPOP_TRY_ASSIGN(entry.versions, versions_.count(name));
    if (now.base) entry.live = now.versions.at(now.base->shares(0).number());
    entry.deployment = now.rolling ? std::move(now.rolling) : std::move(now.base);
  }
  return listed;
}

Result<Registry::History> Registry::versions(const std::string& worker) {
  ISOPOP_TRY(existing(worker));
  History history;
  ISOPOP_TRY_ASSIGN(const std::optional<v1::Deployment> live, deployments_.live(worker));
  if (live) history.live_number = live->shares(0).number();
  ISOPOP_TRY_ASSIGN(history.versions, versions_.list(worker));
  return history;
}

Result<v1::WorkerVersion> Registry::version(const std::string& worker, std::uint64_t number) {
  ISOPOP_TRY(existing(worker));
  if (number == 0) {
    ISOPOP_TRY_ASSIGN(const std::optional<v1::Deployment> live, deployments_.live(worker));
    if (!live) return not_found(fmt::format("no version of {} is live", worker));
    number = live->shares(0).number();
  }
  ISOPOP_TRY_ASSIGN(std::optional<v1::WorkerVersion> version, versions_.find(worker, number));
  if (!version) return not_found(fmt::format("there is no {} v{}", worker, number));
  return *std::move(version);
}

Result<std::string> Registry::bundle(const std::string& sha256) {
  return versions_.bundle(sha256);
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

Result<WorkerTable::Row> Registry::row_of(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(std::optional<WorkerTable::Row> row, workers_.find(worker));
  return row ? *std::move(row) : WorkerTable::Row{.name = worker};
}

Result<WorkerTable::Row> Registry::existing(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(std::optional<WorkerTable::Row> row, workers_.find(worker));
  if (!row || row->deleted) {
    return not_found(fmt::format("there is no worker {}", in_quotes(worker)));
  }
  return *std::move(row);
}

Result<void> Registry::audit(const Actor& actor, std::string action, std::string object,
                             const std::string& detail_json) {
  return AuditLog(*database_, clock_)
      .append({.actor = actor,
               .action = std::move(action),
               .object = std::move(object),
               .detail_json = detail_json});
}

}  // namespace isopop::control
