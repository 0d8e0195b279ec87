#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/event_loop/asio.h"
#include "common/http/client_pool.h"
#include "common/http/server.h"
#include "common/time/clock.h"
#include "router/health/pop_health.h"
#include "router/http/router_metrics.h"
#include "router/http/routing.h"

namespace isopop::router {

enum class NetMode {
  kReal,     // the modelled delays are waited
  kAccount,  // they are only told; the sender adds them to what it measured
};
[[nodiscard]] std::string_view to_string(NetMode mode);

// What all requests of a router share. Outlives them; lives on the router's event loop.
struct RouterContext {
  asio::io_context& io;
  const Clock& clock;
  Routing& routing;
  PopHealth& health;
  http::ClientPool& pool;
  RouterMetrics& metrics;
  NetMode net = NetMode::kAccount;
};

// One request from its parsed head to the end of its answer: chooses the PoP, adds the network's
// time, passes both bodies on, and goes to the next PoP when one fails. A request goes on only
// while that is safe: nothing of an answer has gone to the client, and either nothing of the
// request can have reached the PoP, or it is idempotent and its body is still held whole. Lives in
// the handler's coroutine.
class Forward final {
 public:
  Forward(RouterContext& context, http::Exchange& exchange);
  Forward(const Forward&) = delete;
  Forward& operator=(const Forward&) = delete;

  asio::awaitable<void> run();

 private:
  enum class Verdict { kAnswered, kTryNext, kGiveUp };
  enum class Body { kNone, kHeld, kStreamed };

  asio::awaitable<bool> hold_body();
  void prepare_request();
  asio::awaitable<void> try_candidates();
  asio::awaitable<bool> try_one(const Candidate& candidate);
  asio::awaitable<Verdict> attempt(const Candidate& candidate, Endpoint endpoint);
  asio::awaitable<Verdict> attempt_once(const Candidate& candidate, Endpoint endpoint,
                                        http::Reuse reuse);
  asio::awaitable<Result<void>> send_held(http::ClientCall& call);
  asio::awaitable<Result<void>> send_streamed(http::ClientCall& call);
  static asio::awaitable<void> upload(Forward& self, http::ClientCall& call);
  asio::awaitable<Result<void>> relay(http::ClientCall& call);
  asio::awaitable<void> deliver(http::ClientCall& call, http::ResponseHead head, std::string body,
                                bool whole);
  asio::awaitable<Result<void>> stream_rest(http::ClientCall& call, std::string_view first);
  Verdict judge(const Candidate& candidate, const http::ClientCall& call, const Error& error);
  void decorate(http::ResponseHead& head);
  asio::awaitable<void> wait(std::chrono::nanoseconds delay);
  asio::awaitable<void> answer_error(unsigned status, std::string text);

  RouterContext& context_;
  http::Exchange& exchange_;
  Instant began_;
  std::string peer_;
  std::shared_ptr<const Route> route_;
  bool idempotent_;
  std::optional<std::uint64_t> announced_length_;  // of the request's body
  Connection connection_;

  Body body_ = Body::kNone;
  std::string held_;  // the body, or its first part when it is streamed
  bool stale_ = false;
  bool answer_taken_ = false;   // something of it has gone to the client, or is about to
  bool client_failed_ = false;  // its body broke off, was too large or too slow
  std::optional<Error> last_error_;

  const Candidate* candidate_ = nullptr;  // being tried
  ExchangeDelays delays_;
  RouterMetrics::Phases phases_;
  std::chrono::nanoseconds waited_{};
  Instant sent_at_;

  struct Upload;
  Upload* upload_ = nullptr;
};

}  // namespace isopop::router
