#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

// Messages for one PoP that are not about what it runs: tails, invalidated keys, rehearsed outages.
// Bounded, whatever the PoP does: keys that wait are gathered in one message, which becomes "forget
// all" when they are too many; anything else is turned away when too much waits. A plain part of a
// PoP's session; not thread-safe.
class Outbox final {
 public:
  static constexpr std::size_t kMessagesMax = 256;
  static constexpr int kInvalidationsMax = 1'000;
  static constexpr std::size_t kInvalidationBytesMax = 256 * 1024;

  // False: too much waits, the message was dropped. Invalidations are always taken.
  [[nodiscard]] bool post(const v1::ControlMessage& message);
  [[nodiscard]] bool is_empty() const { return messages_.empty() && !invalidations_; }
  // The next one; invalidations first, as each of them makes a PoP serve something old. Only when
  // it is not empty.
  [[nodiscard]] v1::ControlMessage take();

 private:
  void invalidate(const v1::KvInvalidations& more);

  std::deque<v1::ControlMessage> messages_;
  std::optional<v1::KvInvalidations> invalidations_;
  std::size_t invalidation_bytes_ = 0;
};

}  // namespace isopop::control
