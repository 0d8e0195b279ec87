#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "control_plane/kv/kv_interest.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

// Copies of a key that are older than `stamp` are no longer the newest.
struct KvChange {
  KvKey key;
  std::uint64_t stamp = 0;
  std::int64_t committed_at_ms = 0;
};

// What readers are to be told, gathered for a moment so that a burst of writes is one message a
// reader. A reader's part is bounded: beyond it, it forgets everything. Pure; not thread-safe.
class KvOutbox final {
 public:
  static constexpr std::size_t kEntriesMax = 1'000;  // of a reader

  void add(const std::vector<std::string>& readers, const KvChange& change);
  void add_everything(const std::vector<std::string>& readers);

  [[nodiscard]] bool is_empty() const { return messages_.empty(); }
  // By reader. The outbox is empty after it.
  [[nodiscard]] std::map<std::string, v1::KvInvalidations> take() {
    return std::exchange(messages_, {});
  }

 private:
  std::map<std::string, v1::KvInvalidations> messages_;
};

}  // namespace isopop::control
