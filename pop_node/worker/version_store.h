#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::pop {

// What a PoP holds on disk, so that it serves its last good versions after a restart and without a
// control plane: FOLDER/bundles/<sha256> and FOLDER/workers/<name>. Bundles stay on disk and are
// read when an executor is started, so the PoP's own memory does not grow with the code it serves.
// Files are written whole but not flushed: a bundle is checked against its hash whenever it is
// read, and one that a crash of the machine spoiled is fetched again. Synchronous; files are small
// and local.
class VersionStore final {
 public:
  // Creates the folders.
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

  [[nodiscard]] Result<void> write_version(const v1::WorkerVersion& version) const;
  [[nodiscard]] Result<void> remove_version(std::string_view worker) const;
  // Those that can be read, by name; what cannot is left out.
  [[nodiscard]] std::vector<v1::WorkerVersion> versions() const;

 private:
  explicit VersionStore(const std::filesystem::path& folder)
      : bundles_(folder / "bundles"), workers_(folder / "workers") {}

  std::filesystem::path bundles_;
  std::filesystem::path workers_;
};

}  // namespace isopop::pop
