#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "common/time/clock.h"
#include "isopop/v1/kv.pb.h"

namespace isopop::pop {

struct KvKey {
  std::string space;  // the namespace's name
  std::string key;
  auto operator<=>(const KvKey&) const = default;
};

// What was read of a key, also that it is not there. Shared by all who read it; immutable.
using KvCopy = std::shared_ptr<const v1::KvReadResponse>;

// Copies of keys, bounded in bytes: the one that was not used for longest goes first. A copy is
// fresh for as long as its reader allows; an old one stays, for when there is nobody to ask. Pure;
// lives on the PoP's event loop.
class KvCache final {
 public:
  // The clock outlives the object.
  KvCache(const Clock& clock, std::size_t bytes_max) : clock_(clock), bytes_max_(bytes_max) {}

  // Null: none, or too old, or doubted. One that has expired is there as not found.
  [[nodiscard]] KvCopy fresh(const KvKey& key, std::chrono::seconds age_max);
  // However old; null: none.
  [[nodiscard]] KvCopy any(const KvKey& key);

  // Takes the place of an older copy, or of an equally old one.
  void keep(const KvKey& key, KvCopy copy);
  void drop(const KvKey& key);
  // Drops a copy with a stamp below. True: there was one.
  bool drop_older(const KvKey& key, std::uint64_t stamp);
  // None of the copies that there are is fresh any more.
  void doubt_all() { ++generation_; }

  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    KvKey key;
    KvCopy copy;
    Instant kept_at;
    std::uint64_t generation = 0;
  };
  using Entries = std::list<Entry>;

  [[nodiscard]] static std::size_t bytes_of(const KvKey& key, const v1::KvReadResponse& copy);
  [[nodiscard]] KvCopy as_of_now(const KvCopy& copy) const;
  void erase(Entries::iterator entry);

  const Clock& clock_;
  std::size_t bytes_max_;
  Entries entries_;  // the last used first
  std::map<KvKey, Entries::iterator> by_key_;
  std::size_t bytes_ = 0;
  std::uint64_t generation_ = 0;
};

}  // namespace isopop::pop
