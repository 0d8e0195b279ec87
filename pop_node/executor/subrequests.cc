#include "pop_node/executor/subrequests.h"

#include <algorithm>

namespace isopop::executor {
namespace {

std::size_t size_of(const SubrequestHead& head) {
  std::size_t bytes = head.method.size() + head.url.size();
  for (const Header& header : head.headers) bytes += header.name.size() + header.value.size();
  return bytes;
}

Result<void> check(const SubrequestHead& head, std::string_view body) {
  if (size_of(head) > Subrequests::kHeadBytesMax) {
    return invalid_argument("fetch: URL and headers together are larger than 128 KiB");
  }
  // Whoever asks on a binding has said it in words of its own.
  if (!head.binding.empty() && body.size() > Subrequests::kBindingBodyBytesMax) {
    return invalid_argument("the value is larger than 25 MiB");
  }
  if (head.binding.empty() && body.size() > Subrequests::kBodyBytesMax) {
    return invalid_argument("fetch: the body of a request may have 1 MiB, this one has " +
                            std::to_string(body.size()) + " bytes");
  }
  return {};
}

}  // namespace

Result<std::uint32_t> Subrequests::start(std::uint32_t parent_id, SubrequestHead head,
                                         std::string_view body) {
  ISOPOP_TRY(check(head, body));
  Parent& parent = parents_[parent_id];
  if (parent.started >= subrequests_max_) {
    parent.has_reached_limit = true;
    return Error{ErrorCode::kResourceExhausted,
                 "Too many subrequests by a single request: its limit is " +
                     std::to_string(subrequests_max_)};
  }
  ++parent.started;
  const std::uint32_t id = ++last_id_;
  const SubrequestKey key{.parent = parent_id, .id = id};
  Subrequest& subrequest = subrequests_[id];
  subrequest.parent = parent_id;
  head.has_body = !body.empty();
  append_subrequest(subrequest.unsent, key, head);
  while (!body.empty()) {
    const std::string_view piece = body.substr(0, kBodyPieceBytesMax);
    body.remove_prefix(piece.size());
    append_subrequest_body(subrequest.unsent, key, {.data = piece, .last = body.empty()});
  }
  parent.in_line.push_back(id);
  send_next(parent);
  return id;
}

void Subrequests::cancel(std::uint32_t id) {
  const auto found = subrequests_.find(id);
  if (found == subrequests_.end()) return;
  Subrequest& subrequest = found->second;
  Parent& parent = parents_[subrequest.parent];
  std::erase(parent.in_line, id);
  if (subrequest.is_under_way) {
    append_subrequest_cancel(out_, {.parent = subrequest.parent, .id = id});
    end_its_way(subrequest);
  }
  subrequests_.erase(found);
}

std::optional<std::uint32_t> Subrequests::next_news(std::uint32_t parent_id) {
  const auto parent = parents_.find(parent_id);
  if (parent == parents_.end() || parent->second.news.empty()) return std::nullopt;
  const std::uint32_t id = parent->second.news.front();
  parent->second.news.pop_front();
  return id;
}

std::variant<Subrequests::NotYet, SubresponseHead, std::string> Subrequests::take_head(
    std::uint32_t id) {
  const auto found = subrequests_.find(id);
  if (found == subrequests_.end()) return std::string("fetch: the request was cancelled");
  Subrequest& subrequest = found->second;
  if (subrequest.head) return *std::exchange(subrequest.head, std::nullopt);
  if (subrequest.failure) return *subrequest.failure;
  subrequest.is_awaited = true;
  return NotYet{};
}

std::variant<Subrequests::NotYet, std::string, Subrequests::End, SubresponseFailure>
Subrequests::read_body(std::uint32_t id) {
  const auto found = subrequests_.find(id);
  if (found == subrequests_.end()) return End{};
  Subrequest& subrequest = found->second;
  if (!subrequest.inbox.empty()) {
    std::string data = std::exchange(subrequest.inbox, {});
    if (subrequest.is_under_way) {
      append_subresponse_credit(out_, {.parent = subrequest.parent, .id = id},
                                static_cast<std::uint32_t>(data.size()));
    }
    return data;
  }
  if (subrequest.failure) return SubresponseFailure{.reason = *subrequest.failure};
  if (subrequest.is_complete) {
    subrequests_.erase(found);
    return End{};
  }
  subrequest.is_awaited = true;
  return NotYet{};
}

Result<std::optional<std::uint32_t>> Subrequests::take(SubresponseFrame frame) {
  const auto nobody = std::optional<std::uint32_t>();
  const std::uint32_t id = frame.key.id;
  const auto found = subrequests_.find(id);
  // What is still on its way to a request that is over is nobody's.
  if (found == subrequests_.end() || found->second.parent != frame.key.parent) return nobody;
  Subrequest& subrequest = found->second;
  ISOPOP_TRY(add(subrequest, std::move(frame)));
  if (subrequest.is_complete || subrequest.failure) end_its_way(subrequest);
  if (!std::exchange(subrequest.is_awaited, false)) return nobody;
  parents_[subrequest.parent].news.push_back(id);
  return std::optional(subrequest.parent);
}

Result<void> Subrequests::add(Subrequest& subrequest, SubresponseFrame frame) {
  if (!subrequest.is_under_way) return invalid_argument("a subresponse to nothing that was asked");
  if (auto* failure = std::get_if<SubresponseFailure>(&frame.part)) {
    subrequest.failure = std::move(failure->reason);
    return {};
  }
  if (auto* head = std::get_if<SubresponseHead>(&frame.part)) {
    if (subrequest.has_head) return invalid_argument("two subresponses to one subrequest");
    subrequest.has_head = true;
    std::string first = std::exchange(head->body, {});
    const bool complete = head->body_complete;
    subrequest.head = std::move(*head);
    return add_body(subrequest, std::move(first), complete);
  }
  if (!subrequest.has_head) return invalid_argument("the body of a subresponse before its head");
  auto& body = std::get<SubresponseBody>(frame.part);
  return add_body(subrequest, std::move(body.data), body.last);
}

Result<void> Subrequests::add_body(Subrequest& subrequest, std::string data, bool last) {
  if (subrequest.inbox.size() + data.size() > kBodyWindowBytes) {
    return invalid_argument("the body of a subresponse exceeds its credit");
  }
  subrequest.inbox += data;
  subrequest.is_complete = last;
  return {};
}

bool Subrequests::has_reached_limit(std::uint32_t parent) const {
  const auto found = parents_.find(parent);
  return found != parents_.end() && found->second.has_reached_limit;
}

bool Subrequests::is_awaited(std::uint32_t parent) const {
  return std::any_of(subrequests_.begin(), subrequests_.end(), [parent](const auto& entry) {
    const Subrequest& subrequest = entry.second;
    return subrequest.parent == parent && subrequest.is_awaited && subrequest.is_under_way;
  });
}

void Subrequests::forget(std::uint32_t parent) {
  if (parents_.erase(parent) == 0) return;
  std::erase_if(subrequests_,
                [parent](const auto& entry) { return entry.second.parent == parent; });
}

void Subrequests::send_next(Parent& parent) {
  while (parent.under_way < kUnderWayMax && !parent.in_line.empty()) {
    Subrequest& next = subrequests_.at(parent.in_line.front());
    parent.in_line.pop_front();
    out_ += std::exchange(next.unsent, {});
    next.is_under_way = true;
    ++parent.under_way;
  }
}

void Subrequests::end_its_way(Subrequest& subrequest) {
  Parent& parent = parents_[subrequest.parent];
  subrequest.is_under_way = false;
  --parent.under_way;
  send_next(parent);
}

}  // namespace isopop::executor
