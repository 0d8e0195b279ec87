#include "control_plane/distribution/bundle_cache.h"

#include <utility>

namespace isopop::control {

BundleBytes BundleCache::find(const std::string& sha256) {
  const auto found = by_hash_.find(sha256);
  if (found == by_hash_.end()) return nullptr;
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return found->second->bytes;
}

void BundleCache::put(const std::string& sha256, BundleBytes bytes) {
  if (by_hash_.contains(sha256) || bytes->size() > bytes_max_) return;
  bytes_ += bytes->size();
  by_use_.push_front({.sha256 = sha256, .bytes = std::move(bytes)});
  by_hash_[sha256] = by_use_.begin();
  while (bytes_ > bytes_max_) {
    bytes_ -= by_use_.back().bytes->size();
    by_hash_.erase(by_use_.back().sha256);
    by_use_.pop_back();
  }
}

}  // namespace isopop::control
