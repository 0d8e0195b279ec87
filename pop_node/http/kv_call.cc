#include "pop_node/http/kv_call.h"

#include <algorithm>
#include <utility>

#include "pop_node/pool/frame_codec.h"

namespace isopop::pop {

KvCall::KvCall(PopKv& kv, SubrequestOrigin origin, SubresponseSink& sink,
               std::shared_ptr<SubrequestLoad> load, OnAnswered on_answered)
    : kv_(kv),
      origin_(std::move(origin)),
      sink_(&sink),
      load_(std::move(load)),
      on_answered_(std::move(on_answered)),
      is_let_in_(load_->enter()) {}

KvCall::~KvCall() {
  leave_load();
}

void KvCall::take(v1::Subrequest part) {
  switch (part.part_case()) {
    case v1::Subrequest::kHead:
      id_ = part.id();
      asked_ = std::move(*part.mutable_head());
      if (!is_let_in_) {
        refuse();
      } else if (!asked_.has_body()) {
        begin();
      }
      break;
    case v1::Subrequest::kBody:
      take_body(part.body());
      break;
    case v1::Subrequest::kCancelled:
      cancel();
      break;
    default:
      send_more();
  }
}

void KvCall::cancel() {
  sink_ = nullptr;
  // A write that has begun goes on; nobody hears of it.
  leave_load();
}

bool KvCall::is_over() const {
  return sink_ == nullptr || !sink_->is_under_way(origin_.parent, id_);
}

void KvCall::take_body(const v1::BodyChunk& chunk) {
  if (sink_ == nullptr) return;
  if (!load_->hold(chunk.data().size())) return refuse();
  held_bytes_ += chunk.data().size();
  body_ += chunk.data();
  if (chunk.last()) begin();
}

void KvCall::refuse() {
  outcome_ = "refused";
  reply(to_kv_reply(Error{ErrorCode::kResourceExhausted,
                          "the PoP has too much to do for KV; try again in a moment"}));
}

void KvCall::begin() {
  Result<KvOperation> operation =
      to_kv_operation(asked_, std::exchange(body_, {}), origin_.worker->version.settings());
  if (!operation.ok()) return reply(to_kv_reply(operation.error()));
  const std::shared_ptr<KvCall> self = shared_from_this();
  const auto answer = [self](const auto& outcome) { self->reply(to_kv_reply(outcome)); };
  if (auto* read = std::get_if<KvRead>(&operation.value())) {
    kv_.read(read->key, read->age_max, answer);
  } else if (auto* write = std::get_if<v1::KvWriteRequest::Write>(&operation.value())) {
    kv_.write(std::move(*write), answer);
  } else {
    kv_.list(std::get<v1::KvListRequest>(operation.value()), answer);
  }
}

void KvCall::reply(KvReply reply) {
  if (is_over()) return;
  answer_ = std::move(reply.body);
  v1::Subresponse part;
  *part.mutable_head() = std::move(reply.head);
  part.mutable_head()->set_body_complete(answer_->empty());
  send(std::move(part));
  send_more();
}

void KvCall::send_more() {
  if (answer_ == nullptr) return;
  while (!is_over()) {
    const std::size_t bytes = std::min({answer_->size() - sent_, kBodyPieceBytesMax,
                                        sink_->subresponse_window(origin_.parent, id_)});
    if (bytes == 0) return;
    v1::Subresponse part;
    part.mutable_body()->set_data(answer_->substr(sent_, bytes));
    sent_ += bytes;
    part.mutable_body()->set_last(sent_ == answer_->size());
    send(std::move(part));
  }
}

void KvCall::send(v1::Subresponse part) {
  part.set_parent(origin_.parent);
  part.set_id(id_);
  const bool is_whole = part.head().body_complete() || part.body().last();
  SubresponseSink& sink = *sink_;
  if (is_whole) sink_ = nullptr;
  sink.send_subresponse(std::move(part));
  if (!is_whole) return;
  leave_load();
  on_answered_(outcome_);
}

void KvCall::leave_load() {
  if (std::exchange(is_let_in_, false)) load_->leave();
  load_->release(std::exchange(held_bytes_, 0));
}

}  // namespace isopop::pop
