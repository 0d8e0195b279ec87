#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/pki/signing.h"
#include "common/result/result.h"
#include "common/time/clock.h"
#include "control_plane/access/actor.h"
#include "control_plane/registry/bundle.h"
#include "control_plane/registry/deployment_table.h"
#include "control_plane/registry/sqlite.h"
#include "control_plane/registry/version_table.h"
#include "control_plane/registry/worker_table.h"
#include "isopop/v1/control.pb.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::control {

// A version somebody wants kept. Name, routes and settings have been checked and are canonical.
struct NewVersion {
  std::string worker;
  std::vector<std::string> routes;
  v1::WorkerSettings settings;
  CanonicalBundle bundle;
  std::string author;
  std::string message;
  std::string tag;
};

// The number of the worker's newest deployment that the caller knows of, 0 for none; a change is
// made only while it is still that. Nothing: whatever it is.
using ExpectedDeployment = std::optional<std::uint64_t>;

// A deployment somebody wants. Without waves and conditions it is live from its commit on, else it
// rolls out until set_deployment_state() says how it ended.
struct NewDeployment {
  std::string worker;
  std::vector<v1::VersionShare> shares;
  v1::Stickiness stickiness;
  v1::RolloutPlan plan;
  ExpectedDeployment expected;
  std::string author;
  std::string message;
  std::uint64_t rolled_back_from = 0;
};

// How a deployment goes on.
struct DeploymentChange {
  std::string worker;
  std::uint64_t number = 0;
  v1::DeploymentState state = v1::DEPLOYMENT_STATE_UNSPECIFIED;  // not SUPERSEDED
  std::uint32_t wave = 0;
  std::string reason;
};

// What a worker is to be now, everything a PoP's assignment is made of but the secrets.
struct CurrentWorker {
  std::string worker;
  std::optional<v1::Deployment> base;                   // live; none before the first one is
  std::optional<v1::Deployment> rolling;                // rolling out or paused
  std::map<std::uint64_t, v1::WorkerVersion> versions;  // of both, by number
};

enum class Write { kKeep, kDryRun };  // a dry run checks and answers the same, and changes nothing

// Workers, their immutable versions and their deployments, on disk. What a function reported as
// done is there after a kill or a power cut, with its entry in the audit log; what it refused left
// nothing. Not thread-safe, and it waits for the disk: it lives on the store's thread. Invariants:
// numbers of versions and deployments grow by one within a worker and are never given twice, also
// not after a deletion; a worker has at most one live deployment and one under way; a route belongs
// to the one worker with a version of it in such a deployment; a version's bundle exists and its
// name is its hash.
class Registry final {
 public:
  // Opens or creates `path`. With a key, which must outlive it, every version is signed, also those
  // that were not or by another key. A damaged one is opened for reading alone (fault() says so)
  // when all that is live can still be read, else DATA_LOSS. FAILED_PRECONDITION: of a newer
  // program.
  [[nodiscard]] static Result<std::unique_ptr<Registry>> open(const std::filesystem::path& path,
                                                              const Clock& clock,
                                                              const pki::SigningKey* key = nullptr);

  // For the tables that are classes of their own.
  [[nodiscard]] Database& database() { return *database_; }
  // Why nothing can be changed now; empty when it can.
  [[nodiscard]] const std::string& fault() const { return database_->fault(); }
  [[nodiscard]] Result<std::uint64_t> database_bytes();
  // All of it as it is at this moment, to a file that is not there yet, mode 0600. `--restore`
  // takes it back.
  [[nodiscard]] Result<void> backup(const std::filesystem::path& path);

  struct Uploaded {
    v1::WorkerVersion version;
    bool unchanged = false;  // the newest version is the same already, and was not made again
  };
  // Keeps a version and deploys nothing. A dry run's version has neither id nor signature.
  [[nodiscard]] Result<Uploaded> upload(const NewVersion& wanted, ExpectedDeployment expected,
                                        Write write, const Actor& actor);

  struct Deployed {
    v1::WorkerVersion version;
    v1::Deployment deployment;
    bool unchanged = false;  // the same version is all there is live, or rolls out by the same plan
  };
  // upload() and create_deployment() of that version alone, in one transaction. ALREADY_EXISTS
  // names the worker that has a wanted route; ABORTED: somebody else deployed meanwhile, and who.
  [[nodiscard]] Result<Deployed> deploy(const NewVersion& wanted, const v1::RolloutPlan& plan,
                                        ExpectedDeployment expected, Write write,
                                        const Actor& actor);

  // NOT_FOUND: a version; INVALID_ARGUMENT: the shares; ABORTED, ALREADY_EXISTS as above. One that
  // is under way is superseded; its base stays what is live.
  [[nodiscard]] Result<v1::Deployment> create_deployment(const NewDeployment& wanted, Write write,
                                                         const Actor& actor);

  struct RollbackTerms {
    std::string worker;
    std::uint64_t version = 0;  // 0: what was there before
    ExpectedDeployment expected;
    std::string author;
    std::string message;
  };
  // A new deployment, at once, with that version alone; or with what is live when something is
  // under way; or with the last good deployment before the live one. FAILED_PRECONDITION: there is
  // none.
  [[nodiscard]] Result<v1::Deployment> rollback(const RollbackTerms& terms, Write write,
                                                const Actor& actor);

  // LIVE supersedes the one that was; ABORTED frees what only this one claimed. NOT_FOUND;
  // FAILED_PRECONDITION: it is not (any more) under way.
  [[nodiscard]] Result<v1::Deployment> set_deployment_state(const DeploymentChange& change,
                                                            const Actor& actor);

  // Both empty where nothing is live or under way, as with a worker that was deleted.
  [[nodiscard]] Result<CurrentWorker> current(const std::string& worker);
  // Of each worker that has something live or under way, by name.
  [[nodiscard]] Result<std::vector<CurrentWorker>> all_current();
  // 0: none was made.
  [[nodiscard]] Result<std::uint64_t> newest_deployment(const std::string& worker);
  // `number` 0: the newest. NOT_FOUND.
  [[nodiscard]] Result<v1::Deployment> deployment(const std::string& worker, std::uint64_t number);
  // Newest first; of all workers when the name is empty. NOT_FOUND: the worker.
  [[nodiscard]] Result<std::vector<v1::Deployment>> deployments(const std::string& worker,
                                                                std::uint32_t limit);

  // Nothing is live under the name any more; its versions are kept, and listed again when it is
  // deployed again. NOT_FOUND when there is none.
  [[nodiscard]] Result<void> remove(const std::string& worker, const Actor& actor);
  // NOT_FOUND; FAILED_PRECONDITION when a deployment that is live or under way has a share of it.
  [[nodiscard]] Result<void> remove_version(const std::string& worker, std::uint64_t number,
                                            const Actor& actor);

  struct Listed {
    v1::WorkerVersion live;  // of the live deployment the heaviest share; only a name if none is
    std::uint64_t versions = 0;
    std::optional<v1::Deployment> deployment;  // under way, else live
  };
  // Those that are not deleted, by name.
  [[nodiscard]] Result<std::vector<Listed>> workers();

  struct History {
    std::vector<v1::WorkerVersion> versions;  // newest first
    std::uint64_t live_number = 0;            // of the heaviest share; 0: none is
  };
  [[nodiscard]] Result<History> versions(const std::string& worker);
  // `number` 0: the live one, the heaviest share. NOT_FOUND.
  [[nodiscard]] Result<v1::WorkerVersion> version(const std::string& worker, std::uint64_t number);
  // The serialised Bundle. DATA_LOSS when it is not what its hash says.
  [[nodiscard]] Result<std::string> bundle(const std::string& sha256);

  [[nodiscard]] Result<std::set<std::string>> known_pops();
  // Replaces the set.
  [[nodiscard]] Result<void> remember_pops(const std::set<std::string>& ids);

 private:
  Registry(std::unique_ptr<Database> database, const Clock& clock, const pki::SigningKey* key);

  [[nodiscard]] static Result<std::unique_ptr<Registry>> open_damaged(
      const std::filesystem::path& path, const Clock& clock, const Error& damage);
  // Everything that PoPs are to have can be read.
  [[nodiscard]] Result<void> check_live();
  [[nodiscard]] Result<void> sign_all();
  [[nodiscard]] Result<WorkerTable::Row> existing(const std::string& worker);
  [[nodiscard]] Result<WorkerTable::Row> row_of(const std::string& worker);
  [[nodiscard]] Result<void> check_expected(const WorkerTable::Row& row,
                                            ExpectedDeployment expected);
  [[nodiscard]] Result<Uploaded> draft_version(const NewVersion& wanted,
                                               const WorkerTable::Row& row);
  [[nodiscard]] Result<void> keep_version(const NewVersion& wanted, v1::WorkerVersion& version,
                                          WorkerTable::Row& row, const Actor& actor);
  [[nodiscard]] Result<v1::Deployment> draft_deployment(const NewDeployment& wanted,
                                                        const WorkerTable::Row& row);
  [[nodiscard]] Result<void> keep_deployment(const v1::Deployment& deployment, WorkerTable::Row row,
                                             const Actor& actor);
  [[nodiscard]] Result<NewDeployment> draft_rollback(const RollbackTerms& terms);
  [[nodiscard]] Result<void> check_versions(const v1::Deployment& deployment);
  [[nodiscard]] Result<void> supersede(std::optional<v1::Deployment> old,
                                       const std::string& reason);
  [[nodiscard]] Result<void> claim_routes(const std::string& worker);
  [[nodiscard]] Result<void> audit(const Actor& actor, std::string action, std::string object,
                                   const std::string& detail_json);

  std::unique_ptr<Database> database_;
  const Clock& clock_;
  const pki::SigningKey* key_;
  WorkerTable workers_;
  VersionTable versions_;
  DeploymentTable deployments_;
};

}  // namespace isopop::control
