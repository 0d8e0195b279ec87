#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "control_plane/registry/sqlite.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::control {

// Immutable versions, and their bundles by hash; a bundle is there as long as some version has it.
// Lives on the store's thread; changes are part of the caller's transaction.
class VersionTable final {
 public:
  explicit VersionTable(Database& database) : database_(database) {}

  [[nodiscard]] Result<std::optional<v1::WorkerVersion>> find(const std::string& worker,
                                                              std::uint64_t number);
  [[nodiscard]] Result<std::optional<v1::WorkerVersion>> newest(const std::string& worker);
  // Newest first.
  [[nodiscard]] Result<std::vector<v1::WorkerVersion>> list(const std::string& worker);
  [[nodiscard]] Result<std::uint64_t> count(const std::string& worker);

  // `bundle` is what version.bundle_sha256() names.
  [[nodiscard]] Result<void> insert(const v1::WorkerVersion& version, const std::string& bundle);
  // And its bundle, when no other version has that.
  [[nodiscard]] Result<void> erase(const v1::WorkerVersion& version);
  [[nodiscard]] Result<void> set_signature(const v1::WorkerVersion& version,
                                           const std::string& signature);

  // The serialised Bundle. NOT_FOUND; DATA_LOSS when it is not what its hash says.
  [[nodiscard]] Result<std::string> bundle(const std::string& sha256);

  // Every version of every worker, by name and number.
  [[nodiscard]] Result<std::vector<v1::WorkerVersion>> all();
  // The public key of the signatures; empty before there was any.
  [[nodiscard]] Result<std::string> signed_by();
  [[nodiscard]] Result<void> set_signed_by(const std::string& public_pem);

 private:
  Database& database_;
};

}  // namespace isopop::control
