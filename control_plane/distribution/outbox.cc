#include "control_plane/distribution/outbox.h"

#include <utility>

#include "common/result/assert.h"

namespace isopop::control {

bool Outbox::post(const v1::ControlMessage& message) {
  if (message.has_kv_invalidations()) {
    invalidate(message.kv_invalidations());
    return true;
  }
  if (messages_.size() >= kMessagesMax) return false;
  messages_.push_back(message);
  return true;
}

void Outbox::invalidate(const v1::KvInvalidations& more) {
  if (!invalidations_) {
    invalidations_.emplace();
    invalidation_bytes_ = 0;
  }
  v1::KvInvalidations& waiting = *invalidations_;
  if (!waiting.everything() && !more.everything()) {
    waiting.MergeFrom(more);
    invalidation_bytes_ += more.ByteSizeLong();
    if (waiting.entries_size() <= kInvalidationsMax &&
        invalidation_bytes_ <= kInvalidationBytesMax) {
      return;
    }
  }
  waiting.clear_entries();
  waiting.set_everything(true);
}

v1::ControlMessage Outbox::take() {
  ISOPOP_ASSERT(!is_empty(), "a message that waits");
  v1::ControlMessage message;
  if (invalidations_) {
    *message.mutable_kv_invalidations() = *std::exchange(invalidations_, std::nullopt);
  } else {
    message = std::move(messages_.front());
    messages_.pop_front();
  }
  return message;
}

}  // namespace isopop::control
