#include "pop_node/pool/executor_protocol.h"

#include <algorithm>
#include <utility>

#include "pop_node/pool/frame_codec.h"

namespace isopop::pop {
namespace {

constexpr unsigned kStatusMin = 200;
constexpr unsigned kStatusMax = 599;

Error violation(std::string message) {
  return Error{ErrorCode::kFailedPrecondition, std::move(message)};
}

}  // namespace

void ExecutorProtocol::request_sent(const v1::RequestHead& head) {
  ISOPOP_ASSERT(head.id() > last_id_, "request ids grow");
  ISOPOP_ASSERT(head.body().size() <= kBodyPieceBytesMax, "a first piece within its bound");
  last_id_ = head.id();
  Request& request = requests_[head.id()];
  request.send_window = kBodyWindowBytes - head.body().size();
  request.body_sent = head.body_complete();
  request.receive_window = kBodyWindowBytes;
}

void ExecutorProtocol::body_sent(std::uint32_t id, std::size_t bytes, bool last) {
  const auto found = requests_.find(id);
  ISOPOP_ASSERT(found != requests_.end() && !found->second.body_sent, "a body that is still open");
  ISOPOP_ASSERT(bytes <= found->second.send_window, "a piece within the credit");
  found->second.send_window -= bytes;
  found->second.body_sent = last;
}

void ExecutorProtocol::granted(std::uint32_t id, std::size_t bytes) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  found->second.receive_window += bytes;
  ISOPOP_ASSERT(found->second.receive_window <= kBodyWindowBytes, "no credit that was not used");
}

void ExecutorProtocol::subresponse_sent(const v1::Subresponse& part) {
  const auto found = requests_.find(part.parent());
  ISOPOP_ASSERT(found != requests_.end(), "an answer for a request that is not over");
  found->second.subrequests.sent(part);
}

const SubrequestLedger* ExecutorProtocol::subrequests(std::uint32_t parent) const {
  const auto found = requests_.find(parent);
  return found == requests_.end() ? nullptr : &found->second.subrequests;
}

std::size_t ExecutorProtocol::send_window(std::uint32_t id) const {
  const auto found = requests_.find(id);
  return found == requests_.end() ? 0 : found->second.send_window;
}

bool ExecutorProtocol::is_executors_turn(std::uint32_t id) const {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return false;
  const Request& request = found->second;
  const bool waits_for_client_to_send = !request.body_sent && request.send_window > 0;
  const bool waits_for_client_to_take = request.receive_window < kBodyWindowBytes / 2;
  return !waits_for_client_to_send && !waits_for_client_to_take;
}

bool ExecutorProtocol::is_settled(std::uint32_t id) const {
  const auto found = requests_.find(id);
  return found == requests_.end() || (found->second.is_answered && found->second.body_sent);
}

Result<ExecutorProtocol::Verdict> ExecutorProtocol::check(const v1::Frame& frame) {
  if (!loaded_) {
    if (frame.frame_case() == v1::Frame::kLog) return Verdict::kDeliver;
    if (frame.frame_case() != v1::Frame::kLoaded) return violation("a frame before Loaded");
    loaded_ = true;
    return Verdict::kDeliver;
  }
  switch (frame.frame_case()) {
    case v1::Frame::kResponse:
      return check_request_frame(frame, frame.response().id());
    case v1::Frame::kResponseBody:
      return check_request_frame(frame, frame.response_body().id());
    case v1::Frame::kFailure:
      return check_request_frame(frame, frame.failure().id());
    case v1::Frame::kFinished:
      return check_request_frame(frame, frame.finished().id());
    case v1::Frame::kCredit:
      return check_request_frame(frame, frame.credit().id());
    case v1::Frame::kSubrequest:
      return check_request_frame(frame, frame.subrequest().parent());
    case v1::Frame::kLog:
      return Verdict::kDeliver;
    case v1::Frame::kLoaded:
      return violation("Loaded twice");
    default:
      return violation("a frame that only a PoP may send, or none");
  }
}

Result<ExecutorProtocol::Verdict> ExecutorProtocol::check_request_frame(const v1::Frame& frame,
                                                                        std::uint32_t id) {
  if (id == 0 || id > last_id_) return violation("a frame for a request that was never made");
  const auto found = requests_.find(id);
  if (found == requests_.end()) return Verdict::kDrop;
  Request& request = found->second;
  switch (frame.frame_case()) {
    case v1::Frame::kResponse:
      ISOPOP_TRY(check_head(frame.response(), request));
      break;
    case v1::Frame::kResponseBody:
      if (!request.has_head) return violation("a body before its head");
      if (request.is_answered) return violation("more body after its end");
      ISOPOP_TRY(take_body(frame.response_body().data().size(), request));
      request.is_answered = frame.response_body().last();
      break;
    case v1::Frame::kFailure:
      return check_failure(frame.failure(), request);
    case v1::Frame::kCredit:
      request.send_window += frame.credit().bytes();
      if (request.send_window > kBodyWindowBytes) return violation("credit for bytes never sent");
      break;
    case v1::Frame::kSubrequest:
      return check_subrequest(frame.subrequest(), request);
    default:  // Finished
      requests_.erase(found);
  }
  return Verdict::kDeliver;
}

Result<ExecutorProtocol::Verdict> ExecutorProtocol::check_failure(const v1::Failure& failure,
                                                                  Request& request) {
  if (std::exchange(request.has_failed, true)) return violation("two failures of one request");
  if (!std::exchange(request.is_answered, true)) return Verdict::kDeliver;
  if (!is_limit(failure.kind())) return violation("a failure after the answer");
  return Verdict::kBehindAnswer;
}

Result<ExecutorProtocol::Verdict> ExecutorProtocol::check_subrequest(const v1::Subrequest& part,
                                                                     Request& request) const {
  ISOPOP_TRY_ASSIGN(const auto verdict, request.subrequests.check(part, subrequests_max_));
  return verdict == SubrequestLedger::Verdict::kDeliver ? Verdict::kDeliver : Verdict::kDrop;
}

Result<void> ExecutorProtocol::check_head(const v1::ResponseHead& head, Request& request) {
  if (request.has_head || request.is_answered) return violation("two answers to one request");
  if (head.status() < kStatusMin || head.status() > kStatusMax) {
    return violation("status " + std::to_string(head.status()));
  }
  ISOPOP_TRY(take_body(head.body().size(), request));
  request.has_head = true;
  request.is_answered = head.body_complete();
  return {};
}

Result<void> ExecutorProtocol::take_body(std::size_t bytes, Request& request) {
  if (bytes > kBodyPieceBytesMax) return violation("a body piece of " + std::to_string(bytes));
  if (bytes > request.receive_window) return violation("more body than it had credit for");
  request.receive_window -= bytes;
  return {};
}

}  // namespace isopop::pop
