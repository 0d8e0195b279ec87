#include "pop_node/pool/subrequest_ledger.h"

#include <string>

#include "common/result/assert.h"
#include "pop_node/pool/frame_codec.h"

namespace isopop::pop {
namespace {

Error violation(std::string message) {
  return Error{ErrorCode::kFailedPrecondition, std::move(message)};
}

}  // namespace

Result<SubrequestLedger::Verdict> SubrequestLedger::check(const v1::Subrequest& part,
                                                          std::uint32_t subrequests_max) {
  if (part.has_head()) {
    ISOPOP_TRY(open(part, subrequests_max));
    return Verdict::kDeliver;
  }
  if (part.id() == 0 || part.id() > last_id_) return violation("part of a subrequest never made");
  const auto found = under_way_.find(part.id());
  if (found == under_way_.end()) return Verdict::kDrop;
  Subrequest& subrequest = found->second;
  switch (part.part_case()) {
    case v1::Subrequest::kBody:
      if (subrequest.is_whole) return violation("more of a subrequest's body after its end");
      if (part.body().data().size() > kBodyPieceBytesMax) return violation("a piece above 64 KiB");
      subrequest.body_bytes += part.body().data().size();
      if (subrequest.body_bytes > subrequest.body_bytes_max) {
        return violation("the body of a subrequest above its limit");
      }
      subrequest.is_whole = part.body().last();
      break;
    case v1::Subrequest::kCancelled:
      under_way_.erase(found);
      break;
    case v1::Subrequest::kCredit:
      if (part.credit() > kBodyWindowBytes - subrequest.window) {
        return violation("credit for bytes of a subresponse never sent");
      }
      subrequest.window += part.credit();
      break;
    default:
      return violation("a subrequest that says nothing");
  }
  return Verdict::kDeliver;
}

Result<void> SubrequestLedger::open(const v1::Subrequest& part, std::uint32_t subrequests_max) {
  if (part.id() <= last_id_) return violation("a subrequest whose id was used before");
  if (++made_ > subrequests_max) {
    return violation("more than " + std::to_string(subrequests_max) + " subrequests of a request");
  }
  if (under_way_.size() >= kUnderWayMax) return violation("too many subrequests at a time");
  last_id_ = part.id();
  under_way_[part.id()] = {
      .body_bytes = 0,
      .body_bytes_max = part.head().binding().empty() ? kBodyBytesMax : kBindingBodyBytesMax,
      .is_whole = !part.head().has_body(),
      .window = kBodyWindowBytes};
  return {};
}

std::size_t SubrequestLedger::window(std::uint32_t id) const {
  const auto found = under_way_.find(id);
  return found == under_way_.end() ? 0 : found->second.window;
}

void SubrequestLedger::sent(const v1::Subresponse& part) {
  const auto found = under_way_.find(part.id());
  ISOPOP_ASSERT(found != under_way_.end(), "an answer to a subrequest that is under way");
  const std::size_t bytes = part.head().body().size() + part.body().data().size();
  ISOPOP_ASSERT(bytes <= found->second.window, "a piece within the credit");
  found->second.window -= bytes;
  if (part.has_failure() || part.head().body_complete() || part.body().last()) {
    under_way_.erase(found);
  }
}

}  // namespace isopop::pop
