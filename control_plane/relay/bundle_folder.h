#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "common/result/result.h"

namespace isopop::control {

// Bundles on a relay's disk, each a file named by its hash: a cache, so that a relay that was
// started again need not fetch what it had. What is read is checked; what is damaged is removed and
// counts as not there. The oldest go when there are too many bytes. Not thread-safe; it waits for
// the disk.
class BundleFolder final {
 public:
  [[nodiscard]] static Result<BundleFolder> open(const std::filesystem::path& folder,
                                                 std::uint64_t bytes_max = 1ULL << 30U);

  // Nothing when it is not here, or not as its name says.
  [[nodiscard]] std::optional<std::string> find(const std::string& sha256);
  // The content's hash was checked.
  [[nodiscard]] Result<void> put(const std::string& sha256, const std::string& bytes);

 private:
  struct Entry {
    std::uint64_t bytes = 0;
    std::uint64_t order = 0;  // of coming; the least is the oldest
  };
  BundleFolder(std::filesystem::path folder, std::uint64_t bytes_max)
      : folder_(std::move(folder)), bytes_max_(bytes_max) {}
  void remove(const std::string& sha256);

  std::filesystem::path folder_;
  std::uint64_t bytes_max_;
  std::map<std::string, Entry> entries_;
  std::uint64_t bytes_ = 0;
  std::uint64_t last_order_ = 0;
};

}  // namespace isopop::control
