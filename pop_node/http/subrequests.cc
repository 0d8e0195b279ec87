#include "pop_node/http/subrequests.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <variant>

#include "common/log/log.h"
#include "common/text/text.h"
#include "pop_node/http/kv_call.h"
#include "pop_node/http/subrequest_translation.h"
#include "pop_node/http/version_choice.h"
#include "pop_node/pool/executor_run.h"
#include "pop_node/pool/frame_codec.h"

namespace isopop::pop {
namespace {

constexpr std::chrono::seconds kWaitForPlaceMax{5};

// One of them, from its head to the end of its answer. A session: its coroutines keep it alive.
class Subrequest final : public SubrequestCall, public std::enable_shared_from_this<Subrequest> {
 public:
  Subrequest(EdgeContext& context, SubrequestOrigin origin, SubresponseSink& sink)
      : context_(context),
        origin_(std::move(origin)),
        sink_(&sink),
        room_(context.io),
        patience_(context.io),
        began_(context.clock.now()),
        load_(context.subrequests),
        is_let_in_(load_->enter()) {}
  ~Subrequest() override { leave_load(); }
  Subrequest(const Subrequest&) = delete;
  Subrequest& operator=(const Subrequest&) = delete;

  void take(v1::Subrequest part) override {
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
        room_.notify();
    }
  }

  void cancel() override {
    sink_ = nullptr;
    if (run_ != nullptr) run_->leave();
    room_.notify();
    if (!has_begun_) leave_load();
  }

  [[nodiscard]] bool is_over() const override {
    return sink_ == nullptr || !sink_->is_under_way(origin_.parent, id_);
  }

 private:
  void take_body(const v1::BodyChunk& chunk) {
    if (!load_->hold(chunk.data().size())) return refuse();
    held_bytes_ += chunk.data().size();
    body_ += chunk.data();
    if (chunk.last()) begin();
  }

  // There are more in this PoP than it has room for.
  void refuse() {
    answer_with(refusal_answer(RejectReason::kQueueFull, std::chrono::seconds(1)));
    context_.metrics.count_subrequest("refused");
    leave_load();
  }

  void begin() {
    has_begun_ = true;
    asio::co_spawn(context_.io, serve(shared_from_this()), asio::detached);
  }

  static asio::awaitable<void> serve(std::shared_ptr<Subrequest> self) {
    co_await self->run();
    if (self->run_ != nullptr) self->run_->leave();
    if (!self->is_answered_) self->outcome_ = "cancelled";
    self->context_.metrics.count_subrequest(self->outcome_);
    self->count_version();
    self->leave_load();
  }

  // What it takes of the PoP ends with it, not with the request that made it, which may live long.
  void leave_load() {
    if (std::exchange(is_let_in_, false)) load_->leave();
    load_->release(std::exchange(held_bytes_, 0));
  }

  asio::awaitable<void> run() {
    if (is_over()) co_return;  // before it began
    Result<TranslatedSubrequest> translated =
        to_executor_request(asked_, body_.size(), origin_, context_.clock.wall_now());
    if (!translated.ok()) co_return fail(translated.error());
    TranslatedSubrequest request = std::move(translated).value();
    worker_ = choose_worker(request.target);
    if (worker_ == nullptr) co_return fail(nobody_answers(asked_));
    if (body_.size() > worker_->limits.request_body_bytes()) {
      context_.pool.count_breach(*worker_, WorkerLimit::kBody);
      co_return answer_with(body_too_large_answer(worker_->limits));
    }
    const bool placed = co_await wait_for_place();
    if (!placed) co_return;
    send_request(std::move(request.head));
    co_await answer();
  }

  [[nodiscard]] LiveWorkerPtr choose_worker(const RequestTarget& target) const {
    const LiveAssignmentPtr assignment = context_.registry.find(target.host, target.path);
    if (assignment == nullptr) return nullptr;
    std::string_view header;
    for (const v1::Header& one : asked_.headers()) {
      if (equals_ignoring_case(one.name(), sticky_header(*assignment))) header = one.value();
    }
    return choose_version(
        *assignment,
        {.header = header, .client = origin_.lineage.address, .ray = origin_.lineage.ray});
  }

  void count_version() {
    if (worker_ == nullptr) return;
    const bool is_cold = run_ != nullptr && run_->start_kind() == StartKind::kCold;
    context_.figures.count(
        worker_->version,
        {.status = status_, .latency = context_.clock.now() - began_, .is_cold = is_cold});
  }

  asio::awaitable<bool> wait_for_place() {
    run_ = context_.pool.submit(worker_, PoolPolicy::Turn::kFirst);
    patience_.expires_after(kWaitForPlaceMax);
    patience_.async_wait([self = shared_from_this()](boost::system::error_code stopped) {
      if (stopped) return;
      self->is_out_of_patience_ = true;
      self->run_->leave();
    });
    const ExecutorRun::Placement placement = co_await run_->placed();
    patience_.cancel();
    if (placement == ExecutorRun::Placement::kPlaced && !is_out_of_patience_) co_return true;
    if (is_out_of_patience_) {
      answer_with(refusal_answer(RejectReason::kQueueDeadline, std::chrono::seconds(1)));
    } else if (placement == ExecutorRun::Placement::kRefused) {
      const RunRefusal& refusal = run_->refusal();
      answer_with(refusal.is_workers_fault ? failure_answer(v1::FAILURE_KIND_LOAD, worker_->limits)
                                           : refusal_answer(refusal.reason, refusal.retry_after));
    }
    co_return false;
  }

  void send_request(v1::RequestHead head) {
    head.set_body(body_.substr(0, kBodyPieceBytesMax));
    body_.erase(0, kBodyPieceBytesMax);
    head.set_body_complete(body_.empty());
    run_->send_head(std::move(head), {.ray = origin_.lineage.ray,
                                      .address = origin_.lineage.address,
                                      .depth = origin_.lineage.depth + 1});
    if (!body_.empty()) {
      asio::co_spawn(context_.io, upload(shared_from_this()), asio::detached);
    }
  }

  static asio::awaitable<void> upload(std::shared_ptr<Subrequest> self) {
    (co_await self->run_->send_body(std::exchange(self->body_, {}), true))
        .ignore("the worker need not read it");
  }

  asio::awaitable<void> answer() {
    RunEvent event = co_await run_->next();
    if (auto* response = std::get_if<v1::ResponseHead>(&event)) {
      co_await send_answer(std::move(*response));
    } else if (const auto* failure = std::get_if<v1::Failure>(&event)) {
      log_info("worker {} ray {}: asked by another worker: {}", worker_->version.worker(),
               origin_.lineage.ray, v1::FailureKind_Name(failure->kind()));
      answer_with(failure_answer(failure->kind(), worker_->limits));
    } else if (const auto* lost = std::get_if<ExecutorLost>(&event)) {
      answer_with(lost_to(*lost));
    } else {
      answer_with(unusable_answer());
    }
  }

  ErrorAnswer lost_to(const ExecutorLost& lost) {
    if (lost.why != ExecutorLost::Why::kSilent) return lost_answer();
    context_.pool.count_breach(*worker_, WorkerLimit::kWall);
    return failure_answer(v1::FAILURE_KIND_WALL_LIMIT, worker_->limits);
  }

  asio::awaitable<void> send_answer(v1::ResponseHead response) {
    Result<v1::ResponseHead> head = to_subresponse(response, origin_);
    if (!head.ok()) co_return answer_with(unusable_answer());
    outcome_ = "answered";
    const bool has_body =
        asked_.method() != "HEAD" && http::status_allows_body(head.value().status());
    v1::BodyChunk chunk;
    chunk.set_data(std::move(*response.mutable_body()));
    chunk.set_last(response.body_complete());
    const bool is_whole = !has_body || (chunk.last() && chunk.data().empty());
    head.value().set_body_complete(is_whole);
    v1::Subresponse part;
    *part.mutable_head() = std::move(head).value();
    send(std::move(part));
    if (!is_whole) co_await send_body(std::move(chunk));
  }

  asio::awaitable<void> send_body(v1::BodyChunk chunk) {
    while (true) {
      const std::size_t bytes = chunk.data().size();
      co_await send_piece(std::move(chunk));
      if (is_over()) co_return;
      run_->took(bytes);
      RunEvent event = co_await run_->next();
      auto* next = std::get_if<v1::BodyChunk>(&event);
      if (next == nullptr) {
        outcome_ = "broken_stream";
        co_return fail(internal_error("fetch: the answer broke off"));
      }
      chunk = std::move(*next);
    }
  }

  // As the asking executor gives credit for it.
  asio::awaitable<void> send_piece(v1::BodyChunk chunk) {
    std::size_t sent = 0;
    while (!is_over()) {
      const std::size_t left = chunk.data().size() - sent;
      const std::size_t bytes = std::min(left, sink_->subresponse_window(origin_.parent, id_));
      if (bytes == 0 && left > 0) {
        co_await room_.wait();
        continue;
      }
      v1::Subresponse part;
      part.mutable_body()->set_data(chunk.data().substr(sent, bytes));
      sent += bytes;
      part.mutable_body()->set_last(chunk.last() && sent == chunk.data().size());
      send(std::move(part));
      if (sent == chunk.data().size()) co_return;
    }
  }

  // There is no answer that HTTP has a word for.
  void fail(const Error& error) {
    v1::Subresponse part;
    part.set_failure(error.message);
    send(std::move(part));
  }

  void answer_with(const ErrorAnswer& error) {
    v1::Subresponse part;
    *part.mutable_head() = to_subresponse(error, origin_);
    if (asked_.method() == "HEAD") part.mutable_head()->clear_body();
    send(std::move(part));
  }

  void send(v1::Subresponse part) {
    if (is_over()) return;
    part.set_parent(origin_.parent);
    part.set_id(id_);
    if (part.has_head()) status_ = part.head().status();
    is_answered_ = part.has_failure() || part.head().body_complete() || part.body().last();
    SubresponseSink& sink = *sink_;
    if (is_answered_) sink_ = nullptr;
    sink.send_subresponse(std::move(part));
  }

  EdgeContext& context_;
  SubrequestOrigin origin_;
  SubresponseSink* sink_;  // null: wants nothing more
  std::uint32_t id_ = 0;
  v1::SubrequestHead asked_;
  std::string body_;  // what was not sent yet
  LiveWorkerPtr worker_;
  std::unique_ptr<ExecutorRun> run_;
  std::string outcome_ = "failed";
  Signal room_;  // credit for the answer's body, or no use for it any more
  asio::steady_timer patience_;
  Instant began_;
  unsigned status_ = 0;
  bool is_out_of_patience_ = false;
  bool is_answered_ = false;  // to the end
  bool has_begun_ = false;
  std::shared_ptr<SubrequestLoad> load_;
  bool is_let_in_;
  std::size_t held_bytes_ = 0;  // of its body, until it goes
};

class Group final : public SubrequestGroup {
 public:
  Group(EdgeContext& context, SubrequestOrigin origin, SubresponseSink& sink)
      : context_(context), origin_(std::move(origin)), sink_(sink) {}
  ~Group() override {
    for (const auto& [id, subrequest] : subrequests_) subrequest->cancel();
  }

  void take(v1::Subrequest part) override {
    const std::uint32_t id = part.id();
    if (part.has_head()) {
      std::erase_if(subrequests_, [](const auto& entry) { return entry.second->is_over(); });
      subrequests_[id] = open(part.head());
    }
    const auto found = subrequests_.find(id);
    if (found == subrequests_.end()) return;
    // It may end, and be erased, by what it is given.
    const std::shared_ptr<SubrequestCall> subrequest = found->second;
    subrequest->take(std::move(part));
  }

 private:
  std::shared_ptr<SubrequestCall> open(const v1::SubrequestHead& head) {
    if (head.binding().empty()) return std::make_shared<Subrequest>(context_, origin_, sink_);
    return std::make_shared<KvCall>(context_.kv, origin_, sink_, context_.subrequests,
                                    [&metrics = context_.metrics](const std::string& outcome) {
                                      metrics.count_subrequest(outcome);
                                    });
  }

  EdgeContext& context_;
  SubrequestOrigin origin_;
  SubresponseSink& sink_;
  std::map<std::uint32_t, std::shared_ptr<SubrequestCall>> subrequests_;  // bounded by the ledger
};

}  // namespace

std::unique_ptr<SubrequestGroup> open_subrequests(EdgeContext& context,
                                                  const SubrequestOrigin& origin,
                                                  SubresponseSink& sink) {
  return std::make_unique<Group>(context, origin, sink);
}

}  // namespace isopop::pop
