#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <string>

#include "control_plane/distribution/bundle_transfers.h"

namespace isopop::control {

// The bundles that were asked for last, so that 330 PoPs that want one cost one read of the
// database. Least recently used ones go first; one that is larger than the whole cache is not kept.
// Not thread-safe.
class BundleCache final {
 public:
  explicit BundleCache(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // Null when it is not here.
  [[nodiscard]] BundleBytes find(const std::string& sha256);
  void put(const std::string& sha256, BundleBytes bytes);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string sha256;
    BundleBytes bytes;
  };
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  std::list<Entry> by_use_;  // last used first
  std::map<std::string, std::list<Entry>::iterator> by_hash_;
};

}  // namespace isopop::control
