#include "pop_node/pool/zygote_protocol.h"

#include <string>

namespace isopop::pop {
namespace {

Error violation(std::string message) {
  return Error{ErrorCode::kFailedPrecondition, std::move(message)};
}

}  // namespace

void ZygoteProtocol::asked(std::uint64_t token) {
  const bool is_new = asked_.insert(token).second;
  ISOPOP_ASSERT(is_new, "tokens are used once");
}

Result<void> ZygoteProtocol::check(const v1::ZygoteMessage& message, std::size_t descriptors) {
  const bool is_forked = message.message_case() == v1::ZygoteMessage::kForked;
  if (descriptors != (is_forked ? 1U : 0U)) {
    return violation("a message with " + std::to_string(descriptors) + " descriptors");
  }
  if (message.has_ready()) {
    if (is_ready_) return violation("ready twice");
    is_ready_ = true;
    return {};
  }
  if (!is_ready_) return violation("a message before it was ready");
  switch (message.message_case()) {
    case v1::ZygoteMessage::kForked:
      if (asked_.erase(message.forked().token()) == 0) {
        return violation("a child that nobody asked for");
      }
      if (message.forked().pid() <= 1) {
        return violation("a child with pid " + std::to_string(message.forked().pid()));
      }
      forked_.insert(message.forked().token());
      return {};
    case v1::ZygoteMessage::kForkFailed:
      if (asked_.erase(message.fork_failed().token()) == 0) {
        return violation("the failure of something that nobody asked for");
      }
      return {};
    case v1::ZygoteMessage::kExited:
      if (forked_.erase(message.exited().token()) == 0) {
        return violation("the end of a child that there was not");
      }
      return {};
    default:
      return violation("a message that only a PoP may send, or none");
  }
}

}  // namespace isopop::pop
