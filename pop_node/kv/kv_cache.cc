#include "pop_node/kv/kv_cache.h"

#include <utility>

namespace isopop::pop {
namespace {

// Of the lists, nodes and the message itself.
constexpr std::size_t kOverheadBytes = 256;

}  // namespace

KvCopy KvCache::fresh(const KvKey& key, std::chrono::seconds age_max) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  const Entry& entry = *found->second;
  if (entry.generation != generation_ || clock_.now() - entry.kept_at > age_max) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return as_of_now(entry.copy);
}

KvCopy KvCache::any(const KvKey& key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : as_of_now(found->second->copy);
}

void KvCache::keep(const KvKey& key, KvCopy copy) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    if (found->second->copy->stamp() > copy->stamp()) return;
    erase(found->second);
  }
  const std::size_t bytes = bytes_of(key, *copy);
  if (bytes > bytes_max_) return;
  while (bytes_ + bytes > bytes_max_) erase(std::prev(entries_.end()));
  entries_.push_front(
      {.key = key, .copy = std::move(copy), .kept_at = clock_.now(), .generation = generation_});
  by_key_[key] = entries_.begin();
  bytes_ += bytes;
}

void KvCache::drop(const KvKey& key) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) erase(found->second);
}

bool KvCache::drop_older(const KvKey& key, std::uint64_t stamp) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end() || found->second->copy->stamp() >= stamp) return false;
  erase(found->second);
  return true;
}

std::size_t KvCache::bytes_of(const KvKey& key, const v1::KvReadResponse& copy) {
  return 2 * (key.space.size() + key.key.size()) + copy.value().size() + copy.metadata().size() +
         kOverheadBytes;
}

KvCopy KvCache::as_of_now(const KvCopy& copy) const {
  const std::int64_t expires_at_s = copy->expires_at_s();
  if (!copy->found() || expires_at_s == 0 || expires_at_s > to_unix_ms(clock_.wall_now()) / 1000) {
    return copy;
  }
  auto gone = std::make_shared<v1::KvReadResponse>();
  gone->set_stamp(copy->stamp());
  return gone;
}

void KvCache::erase(Entries::iterator entry) {
  bytes_ -= bytes_of(entry->key, *entry->copy);
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace isopop::pop
