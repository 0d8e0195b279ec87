#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "control_plane/registry/sqlite.h"

namespace isopop::control {

// The names of workers, the numbers that were given under each, and the routes they claim. A name's
// row stays for ever, so that no number is given twice. Lives on the store's thread; changes are
// part of the caller's transaction.
class WorkerTable final {
 public:
  explicit WorkerTable(Database& database) : database_(database) {}

  struct Row {
    std::string name;
    std::uint64_t last_version = 0;     // 0: none was made
    std::uint64_t last_deployment = 0;  // 0: none was made
    bool deleted = false;
  };
  // Nothing when the name was never used.
  [[nodiscard]] Result<std::optional<Row>> find(const std::string& name);
  // Those that are not deleted, by name.
  [[nodiscard]] Result<std::vector<std::string>> names();
  [[nodiscard]] Result<void> put(const Row& row);

  // ALREADY_EXISTS names the other worker that has one of them.
  [[nodiscard]] Result<void> check_routes_free(const std::string& worker,
                                               const std::vector<std::string>& routes);
  // These and no others are the worker's from now on. ALREADY_EXISTS as above.
  [[nodiscard]] Result<void> claim_routes(const std::string& worker,
                                          const std::set<std::string>& routes);

 private:
  Database& database_;
};

}  // namespace isopop::control
