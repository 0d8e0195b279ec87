#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "control_plane/registry/bundle.h"
#include "control_plane/registry/sqlite.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::control {

// What somebody wants to be live. Name, routes and settings have been checked and are canonical.
struct NewVersion {
  std::string worker;
  std::vector<std::string> routes;
  v1::WorkerSettings settings;
  CanonicalBundle bundle;
  std::string author;
  std::string message;
};

// The workers and their immutable versions, on disk. What a function reported as done is there
// after a kill or a power cut. Not thread-safe, and it waits for the disk: it lives on the store's
// thread. Invariants: numbers of a worker grow by one and are never given twice, also not after a
// deletion; a route belongs to one worker; a version's bundle exists and its name is its hash.
class Registry final {
 public:
  // Opens or creates `path`. DATA_LOSS: damaged. FAILED_PRECONDITION: of a newer program.
  [[nodiscard]] static Result<std::unique_ptr<Registry>> open(const std::filesystem::path& path,
                                                              const Clock& clock);

  struct Outcome {
    v1::WorkerVersion version;
    bool unchanged = false;  // the live version is the same already
  };

  // Says what deploy() would do and changes nothing: `version` is the live one when unchanged, else
  // the one to be made, without an id. ALREADY_EXISTS names the worker that owns a wanted route.
  [[nodiscard]] Result<Outcome> preview(const NewVersion& wanted);
  // Keeps the version and makes it the live one.
  [[nodiscard]] Result<Outcome> deploy(const NewVersion& wanted);

  // Nothing is live under the name any more; its versions are kept. NOT_FOUND when nothing was.
  [[nodiscard]] Result<void> remove(const std::string& worker);

  struct Listed {
    v1::WorkerVersion live;
    std::uint64_t versions = 0;
  };
  // Those with a live version, by name.
  [[nodiscard]] Result<std::vector<Listed>> workers();

  struct History {
    std::vector<v1::WorkerVersion> versions;  // newest first
    std::uint64_t live_number = 0;
  };
  [[nodiscard]] Result<History> versions(const std::string& worker);

  // The serialised Bundle. DATA_LOSS when it is not what its hash says.
  [[nodiscard]] Result<std::string> bundle(const std::string& sha256);

  [[nodiscard]] Result<std::set<std::string>> known_pops();
  // Replaces the set.
  [[nodiscard]] Result<void> remember_pops(const std::set<std::string>& ids);

 private:
  Registry(std::unique_ptr<Database> database, const Clock& clock)
      : database_(std::move(database)), clock_(clock) {}

  [[nodiscard]] Result<std::optional<v1::WorkerVersion>> live_version(const std::string& worker);
  [[nodiscard]] Result<std::uint64_t> last_number(const std::string& worker);
  [[nodiscard]] Result<void> check_routes_free(const NewVersion& wanted);
  [[nodiscard]] Result<void> write(const NewVersion& wanted, const v1::WorkerVersion& version);
  [[nodiscard]] Result<void> claim_routes(const v1::WorkerVersion& version);

  std::unique_ptr<Database> database_;
  const Clock& clock_;
};

}  // namespace isopop::control
