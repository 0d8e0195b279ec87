#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "control_plane/registry/sqlite.h"
#include "isopop/v1/control.pb.h"

namespace isopop::control {

// Whether a deployment has yet to end: it is rolling out, or paused on the way.
[[nodiscard]] bool is_under_way(v1::DeploymentState state);

// Which versions were live, in which shares, and when. The tables themselves keep that a worker has
// at most one live deployment and at most one under way. Lives on the store's thread; changes are
// part of the caller's transaction.
class DeploymentTable final {
 public:
  explicit DeploymentTable(Database& database) : database_(database) {}

  [[nodiscard]] Result<std::optional<v1::Deployment>> find(const std::string& worker,
                                                           std::uint64_t number);
  [[nodiscard]] Result<std::optional<v1::Deployment>> live(const std::string& worker);
  // Rolling out or paused.
  [[nodiscard]] Result<std::optional<v1::Deployment>> under_way(const std::string& worker);
  // Newest first; of all workers when the name is empty.
  [[nodiscard]] Result<std::vector<v1::Deployment>> list(const std::string& worker,
                                                         std::uint32_t limit);
  // Those a rollback may go back to, newest first: they were live, and the worker was not deleted
  // since.
  [[nodiscard]] Result<std::vector<v1::Deployment>> good(const std::string& worker);
  // That are live or under way and have a share of this version.
  [[nodiscard]] Result<std::vector<std::uint64_t>> users_of(const std::string& worker,
                                                            std::uint64_t version);

  [[nodiscard]] Result<void> insert(const v1::Deployment& deployment);
  // State, wave, reason and end.
  [[nodiscard]] Result<void> update(const v1::Deployment& deployment);
  // None of them may be gone back to.
  [[nodiscard]] Result<void> forget_good(const std::string& worker);

 private:
  [[nodiscard]] Result<std::vector<v1::Deployment>> read_all(Statement& rows);
  [[nodiscard]] Result<void> read_shares(v1::Deployment& deployment);

  Database& database_;
};

}  // namespace isopop::control
