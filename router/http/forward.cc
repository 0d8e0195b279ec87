#include "router/http/forward.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>
#include <vector>

#include "common/http/header_names.h"
#include "common/http/server_timing.h"
#include "common/text/text.h"
#include "router/http/error_answer.h"

namespace isopop::router {
namespace {

namespace header_names = http::header_names;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// Request bodies up to this are read before a PoP is asked, and can be sent again to another one.
constexpr std::size_t kHeldBodyBytesMax = 64 * 1024;
// Answers up to this go to the client in one write, after the PoP has sent all of them.
constexpr std::uint64_t kWholeAnswerBytesMax = 64 * 1024;

Connection connection_of(const http::Exchange& exchange) {
  const auto told = exchange.request().headers.get(header_names::kConnection);
  if (told && equals_ignoring_case(*told, "new")) return Connection::kNew;
  if (told && equals_ignoring_case(*told, "kept")) return Connection::kKept;
  return exchange.requests_before_on_connection() == 0 ? Connection::kNew : Connection::kKept;
}

std::string location_text(const ClientLocation& client) {
  return fmt::format("{:.6g},{:.6g}", client.place.latitude_deg, client.place.longitude_deg);
}

}  // namespace

std::string_view to_string(NetMode mode) {
  return mode == NetMode::kReal ? "real" : "account";
}

// The coroutine that carries a streamed request body, beside the one that carries the answer.
struct Forward::Upload {
  explicit Upload(asio::io_context& io) : ended(io) {}
  asio::cancellation_signal stop;
  asio::steady_timer ended;  // cancelled at the end
  bool running = false;
};

Forward::Forward(RouterContext& context, http::Exchange& exchange)
    : context_(context),
      exchange_(exchange),
      began_(exchange.received_at()),
      peer_(exchange.remote_endpoint().address().to_string()),
      idempotent_(http::is_idempotent(exchange.request().method)),
      announced_length_(exchange.body_length()),
      connection_(connection_of(exchange)) {}

asio::awaitable<void> Forward::run() {
  const Instant route_began = context_.clock.now();
  Result<std::shared_ptr<const Route>> route = context_.routing.route(exchange_.request(), peer_);
  phases_.route = context_.clock.now() - route_began;
  if (!route.ok()) {
    context_.metrics.count(Outcome::kBadRequest);
    co_await answer_error(400, route.error().message);
    co_return;
  }
  route_ = std::move(route).value();
  if (route_->candidates.empty()) {
    context_.metrics.count(Outcome::kNoPops);
    co_await answer_error(503, "there are no PoPs yet: none is known to the router as ready");
    co_return;
  }
  if (exchange_.has_body()) {
    const bool held = co_await hold_body();
    if (!held) {
      context_.metrics.count(Outcome::kClientGone);
      co_return;  // the server answers 400, 408 or 413 by itself
    }
  }
  prepare_request();
  co_await try_candidates();
}

// Reads the body as far as it is held; false when the client failed to send it.
asio::awaitable<bool> Forward::hold_body() {
  body_ = Body::kStreamed;
  if (announced_length_ && *announced_length_ > kHeldBodyBytesMax) co_return true;
  while (held_.size() <= kHeldBodyBytesMax) {
    Result<std::string> piece = co_await exchange_.read_body();
    if (!piece.ok()) co_return false;
    if (piece.value().empty()) {
      body_ = Body::kHeld;
      co_return true;
    }
    held_.append(piece.value());
  }
  co_return true;
}

void Forward::prepare_request() {
  http::RequestHead& request = exchange_.mutable_request();
  http::Headers& headers = request.headers;
  http::remove_hop_by_hop(headers);
  headers.remove(header_names::kClientId);
  headers.remove(header_names::kConnection);
  const ClientLocation& client = route_->client;
  headers.set(header_names::kClientLocation, location_text(client));
  headers.remove(header_names::kClientCity);
  headers.remove(header_names::kClientCountry);
  if (!client.city.empty()) headers.add(header_names::kClientCity, client.city);
  if (!client.country.empty()) headers.add(header_names::kClientCountry, client.country);
  headers.append(header_names::kForwardedFor, peer_);
}

asio::awaitable<void> Forward::try_candidates() {
  std::vector<const Candidate*> left_out;
  for (const Candidate& candidate : route_->candidates) {
    if (!context_.health.may_try(candidate.pop->id, context_.clock.now())) {
      left_out.push_back(&candidate);
      continue;
    }
    const bool settled = co_await try_one(candidate);
    if (settled) co_return;
  }
  // Better a PoP that did not answer a moment ago than none.
  for (const Candidate* candidate : left_out) {
    const bool settled = co_await try_one(*candidate);
    if (settled) co_return;
  }
  context_.metrics.count(Outcome::kUnreachable);
  std::string text = "no PoP could be reached: ";
  text.append(last_error_ ? std::string_view(last_error_->message) : "no address is known");
  co_await answer_error(502, std::move(text));
}

// Whether the request is over: answered, or not to be given to another PoP.
asio::awaitable<bool> Forward::try_one(const Candidate& candidate) {
  const auto endpoint = route_->view->endpoints.find(candidate.pop->id);
  if (endpoint == route_->view->endpoints.end()) co_return false;
  const Verdict verdict = co_await attempt(candidate, endpoint->second);
  if (verdict == Verdict::kAnswered) co_return true;
  if (verdict == Verdict::kTryNext) {
    context_.metrics.count_failover();
    co_return false;
  }
  if (client_failed_) {
    context_.metrics.count(Outcome::kClientGone);
    co_return true;
  }
  if (last_error_->code == ErrorCode::kInvalidArgument) {
    context_.metrics.count(Outcome::kBadRequest);
    co_await answer_error(400, last_error_->message);
    co_return true;
  }
  context_.metrics.count(Outcome::kBrokenOff);
  const unsigned code = last_error_->code == ErrorCode::kDeadlineExceeded ? 504 : 502;
  std::string text = fmt::format("PoP {} failed after the request was sent: {}", candidate.pop->id,
                                 last_error_->message);
  co_await answer_error(code, std::move(text));
  co_return true;
}

// One PoP; twice, if its kept connection turns out to be closed.
asio::awaitable<Forward::Verdict> Forward::attempt(const Candidate& candidate, Endpoint endpoint) {
  candidate_ = &candidate;
  delays_ = context_.routing.delays(route_->client, *candidate.pop, connection_);
  phases_.network = delays_.total();
  if (context_.net == NetMode::kReal) {
    co_await wait(delays_.setup + (delays_.access + delays_.net) / 2);
  }
  Verdict verdict = co_await attempt_once(candidate, endpoint, http::Reuse::kIfPossible);
  if (verdict == Verdict::kTryNext && stale_) {
    context_.metrics.count_stale_connection();
    verdict = co_await attempt_once(candidate, endpoint, http::Reuse::kFreshConnection);
  }
  co_return verdict;
}

asio::awaitable<Forward::Verdict> Forward::attempt_once(const Candidate& candidate,
                                                        Endpoint endpoint, http::Reuse reuse) {
  stale_ = false;
  Result<std::unique_ptr<http::ClientCall>> opened = co_await context_.pool.open(endpoint, reuse);
  if (!opened.ok()) {
    last_error_ = opened.error();
    // A full pool is our own trouble, not the PoP's.
    if (opened.error().code != ErrorCode::kResourceExhausted) {
      context_.health.report_failure(candidate.pop->id, context_.clock.now());
      context_.pool.forget(endpoint);
    }
    co_return Verdict::kTryNext;
  }
  const std::unique_ptr<http::ClientCall> call = std::move(opened).value();
  sent_at_ = context_.clock.now();
  Result<void> outcome = Result<void>();
  if (body_ == Body::kStreamed) {
    outcome = co_await send_streamed(*call);
  } else {
    outcome = co_await send_held(*call);
  }
  if (answer_taken_) {
    context_.health.report_success(candidate.pop->id);
    context_.metrics.count(outcome.ok() ? Outcome::kForwarded : Outcome::kBrokenOff);
    co_return Verdict::kAnswered;
  }
  ISOPOP_ASSERT(!outcome.ok(), "an exchange without an answer has an error");
  co_return judge(candidate, *call, outcome.error());
}

asio::awaitable<Result<void>> Forward::send_held(http::ClientCall& call) {
  // The PoP is spared what nobody waits for any more. A streamed body needs no watch: reading it
  // fails.
  exchange_.on_client_gone([this, &call] {
    client_failed_ = !answer_taken_;
    call.cancel();
  });
  Result<void> outcome = co_await call.send(exchange_.request(), held_);
  if (outcome.ok()) outcome = co_await relay(call);
  exchange_.on_client_gone({});
  co_return outcome;
}

asio::awaitable<Result<void>> Forward::send_streamed(http::ClientCall& call) {
  ISOPOP_CO_TRY(co_await call.start(exchange_.request(), announced_length_));
  ISOPOP_CO_TRY(co_await call.write(held_));
  Upload upload_state(context_.io);
  upload_ = &upload_state;
  upload_state.running = true;
  asio::co_spawn(context_.io, upload(*this, call),
                 asio::bind_cancellation_slot(upload_state.stop.slot(),
                                              [&upload_state](const std::exception_ptr&) {
                                                upload_state.running = false;
                                                upload_state.ended.cancel();
                                              }));
  Result<void> outcome = co_await relay(call);
  if (upload_state.running) {
    // The PoP has answered, or failed, before it had the whole body.
    call.cancel();
    upload_state.stop.emit(asio::cancellation_type::terminal);
    upload_state.ended.expires_at(asio::steady_timer::time_point::max());
    if (upload_state.running) co_await upload_state.ended.async_wait(kAwait);
  }
  upload_ = nullptr;
  co_return outcome;
}

asio::awaitable<void> Forward::upload(Forward& self, http::ClientCall& call) {
  co_await asio::this_coro::throw_if_cancelled(false);
  while (true) {
    Result<std::string> piece = co_await self.exchange_.read_body();
    if (!piece.ok()) {
      self.client_failed_ = !self.answer_taken_;
      call.cancel();
      co_return;
    }
    if (piece.value().empty()) {
      (co_await call.finish_body()).ignore("the answer's side sees the broken connection too");
      co_return;
    }
    const Result<void> written = co_await call.write(piece.value());
    if (!written.ok()) co_return;  // perhaps an early answer: the other side decides
  }
}

// Takes the answer and passes it on. Until it is taken, an error leaves the client untouched.
asio::awaitable<Result<void>> Forward::relay(http::ClientCall& call) {
  ISOPOP_CO_TRY_ASSIGN(http::ResponseHead head, co_await call.read_head());
  phases_.pop = context_.clock.now() - sent_at_;
  const std::optional<std::uint64_t> length = call.body_length();
  const bool hold = length && *length <= kWholeAnswerBytesMax;
  std::string body;
  bool whole = false;
  do {
    ISOPOP_CO_TRY_ASSIGN(std::string piece, co_await call.read_body());
    whole = piece.empty();
    if (body.empty()) {
      body = std::move(piece);
    } else {
      body.append(piece);
    }
  } while (hold && !whole && body.size() < *length);
  whole = whole || (hold && body.size() == *length);

  answer_taken_ = true;
  if (context_.net == NetMode::kReal) co_await wait((delays_.access + delays_.net) / 2);
  decorate(head);
  std::optional<std::uint64_t> told_length = length;
  if (exchange_.request().method == "HEAD") {
    // What the body of a GET would have had, if the PoP said so.
    const auto told = head.headers.get(header_names::kContentLength);
    const auto bytes = told ? parse_unsigned(*told) : std::nullopt;
    told_length = bytes ? std::optional<std::uint64_t>(*bytes) : std::nullopt;
  } else if (whole) {
    co_return co_await exchange_.respond(std::move(head), body);
  }
  ISOPOP_CO_TRY(co_await exchange_.start_response(std::move(head), told_length));
  co_return co_await stream_rest(call, body);
}

asio::awaitable<Result<void>> Forward::stream_rest(http::ClientCall& call, std::string_view first) {
  ISOPOP_CO_TRY(co_await exchange_.write(first));
  while (true) {
    ISOPOP_CO_TRY_ASSIGN(const std::string piece, co_await call.read_body());
    if (piece.empty()) break;
    ISOPOP_CO_TRY(co_await exchange_.write(piece));
  }
  co_return co_await exchange_.finish();
}

// What follows from a failure of which the client knows nothing yet.
Forward::Verdict Forward::judge(const Candidate& candidate, const http::ClientCall& call,
                                const Error& error) {
  last_error_ = error;
  // A head that must not be sent is the client's doing.
  if (client_failed_ || error.code == ErrorCode::kInvalidArgument) return Verdict::kGiveUp;
  const bool repeatable = !call.request_was_sent() || (idempotent_ && body_ != Body::kStreamed);
  stale_ = repeatable && call.connection_reused() && !call.response_began() &&
           error.code == ErrorCode::kUnavailable;
  if (!stale_) context_.health.report_failure(candidate.pop->id, context_.clock.now());
  return repeatable ? Verdict::kTryNext : Verdict::kGiveUp;
}

void Forward::decorate(http::ResponseHead& head) {
  http::Headers& headers = head.headers;
  http::remove_hop_by_hop(headers);
  headers.set(header_names::kPop, candidate_->pop->id);
  headers.set(header_names::kDistanceKm, fmt::format("{:.1f}", candidate_->distance_km));
  // So that who measures knows where the client was placed.
  headers.set(header_names::kClientLocation, location_text(route_->client));
  headers.set(header_names::kNet, to_string(context_.net));
  phases_.router = context_.clock.now() - began_ - phases_.pop - waited_;
  std::string timing;
  http::append_timing(timing, http::timing_names::kAccess, delays_.access);
  http::append_timing(timing, http::timing_names::kNet, delays_.net);
  http::append_timing(timing, http::timing_names::kSetup, delays_.setup);
  http::append_timing(timing, http::timing_names::kRouter, phases_.router);
  headers.append(header_names::kServerTiming, timing);
  context_.metrics.observe(phases_);
}

asio::awaitable<void> Forward::wait(std::chrono::nanoseconds delay) {
  const Instant before = context_.clock.now();
  asio::steady_timer timer(context_.io, delay);
  co_await timer.async_wait(kAwait);
  waited_ += context_.clock.now() - before;
}

asio::awaitable<void> Forward::answer_error(unsigned status, std::string text) {
  ErrorAnswer answer = make_error_answer(status, text);
  (co_await exchange_.respond(std::move(answer.head), answer.body))
      .ignore("then the client has gone");
}

}  // namespace isopop::router
