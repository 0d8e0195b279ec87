#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/pki/seal.h"
#include "common/result/result.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::pop {

// What a PoP holds on disk, so that it serves what it served last after a restart and without a
// control plane: FOLDER/bundles/<sha256> and FOLDER/workers/<name>, the worker's assignment. There
// are secrets in assignments, so they are sealed with FOLDER/store.key, which only its owner can
// read; and what is sealed and was damaged or half written does not open. Bundles stay on disk and
// are read when an executor is started, so the PoP's own memory does not grow with the code it
// serves. Files are written whole but not flushed: a bundle is checked against its hash whenever it
// is read, and what a crash of the machine spoiled is fetched again. Synchronous; files are small
// and local.
class VersionStore final {
 public:
  // Creates the folders and the key.
  [[nodiscard]] static Result<std::unique_ptr<VersionStore>> create(
      const std::filesystem::path& folder);

  [[nodiscard]] bool has_bundle(std::string_view sha256) const;
  // DATA_LOSS (and the file is gone) when the content is not what the name says.
  [[nodiscard]] Result<std::string> read_bundle(std::string_view sha256) const;
  [[nodiscard]] Result<void> write_bundle(std::string_view sha256, std::string_view bytes) const;
  // Bundles by hash, sorted.
  [[nodiscard]] std::vector<std::string> bundles() const;
  // Removes every other bundle.
  void keep_only(const std::set<std::string>& sha256s) const;

  [[nodiscard]] Result<void> write_assignment(const v1::Assignment& assignment) const;
  [[nodiscard]] Result<void> remove_assignment(std::string_view worker) const;
  // Those that can be read, by name; what cannot is left out.
  [[nodiscard]] std::vector<v1::Assignment> assignments() const;

  // Whether something can be written now.
  [[nodiscard]] Result<void> probe() const;

 private:
  VersionStore(const std::filesystem::path& folder, const pki::SealKey& key)
      : folder_(folder), bundles_(folder / "bundles"), workers_(folder / "workers"), key_(key) {}

  std::filesystem::path folder_;
  std::filesystem::path bundles_;
  std::filesystem::path workers_;
  pki::SealKey key_;
};

}  // namespace isopop::pop
