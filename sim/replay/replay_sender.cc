#include "sim/replay/replay_sender.h"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdlib>
#include <map>
#include <utility>

#include "common/event_loop/address.h"
#include "common/http/client_pool.h"
#include "common/http/header_names.h"
#include "sim/replay/answer_reader.h"

namespace isopop::sim {
namespace {

namespace names = http::header_names;
using std::chrono::nanoseconds;

// So many requests are sent before answers get their turn.
constexpr int kBurst = 32;
// Descriptors beside the connections: files, signals, timers.
constexpr rlim_t kOtherDescriptors = 128;
constexpr int kExitInterrupted = 130;

void allow_connections(std::size_t count) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= count + kOtherDescriptors) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, count + kOtherDescriptors);
  // Without it, connections beyond the limit fail and are counted as such.
  setrlimit(RLIMIT_NOFILE, &limit);
}

http::ClientLimits limits_of(const SendOptions& options) {
  http::ClientLimits limits;
  limits.connections_per_endpoint_max = options.in_flight_max;
  limits.connections_max = options.in_flight_max;
  limits.waiting_max = options.in_flight_max;
  limits.wait_timeout = options.request_timeout;
  limits.head_timeout = options.request_timeout;
  return limits;
}

bool is_address(std::string_view text) {
  boost::system::error_code error;
  asio::ip::make_address(text, error);
  return !error;
}

http::RequestHead head_of(const PlannedRequest& request) {
  http::RequestHead head;
  head.method = request.method;
  head.target = request.target;
  head.headers.add(names::kHost, request.host);
  head.headers.add("user-agent", "isopop-replay");
  head.headers.add("accept", "*/*");
  head.headers.add(names::kClientId, request.client);
  if (is_address(request.client)) head.headers.add(names::kForwardedFor, request.client);
  head.headers.add(names::kConnection,
                   request.connection == ConnectionState::kNew ? "new" : "kept");
  if (!request.location.empty()) head.headers.add(names::kClientLocation, request.location);
  if (!request.city.empty()) head.headers.add(names::kClientCity, request.city);
  return head;
}

// One run of the event loop. Everything happens on the thread that calls run().
class Sender final {
 public:
  Sender(ReplayPlan& plan, const SendOptions& options, Endpoint endpoint, const Clock& clock,
         ReplaySink& sink)
      : plan_(plan),
        options_(options),
        endpoint_(std::move(endpoint)),
        clock_(clock),
        sink_(sink),
        pool_(io_, limits_of(options)) {}

  SendSummary run() {
    start_ = clock_.now();
    if (options_.signals == SendOptions::Signals::kHandled) {
      signals_.add(SIGINT);
      signals_.add(SIGTERM);
      wait_for_signal();
    }
    arm_tick();
    asio::post(io_, [this] { pump(); });
    io_.run();
    pool_.close();
    return {.interrupted = interrupted_};
  }

 private:
  struct InFlight {
    PlannedRequest request;
    nanoseconds sent;
  };

  [[nodiscard]] nanoseconds elapsed() const { return clock_.now() - start_; }
  [[nodiscard]] bool is_max() const { return plan_.options().speed.is_max(); }

  // Sends what is due, then arranges to be called again.
  void pump() {
    for (int sent = 0; sent < kBurst; ++sent) {
      if (!sending_) return finish_if_idle();
      if (!pending_) pending_ = plan_.next();
      const nanoseconds now = elapsed();
      const auto& duration = plan_.options().duration;
      if (!pending_ || (is_max() && duration && now >= *duration)) {
        sending_ = false;
        return finish_if_idle();
      }
      if (is_max()) {
        // end_one() calls again.
        if (in_flight_.size() >= options_.in_flight_max) return;
      } else if (pending_->due > now) {
        return wait_until(pending_->due);
      }
      const PlannedRequest request = *std::exchange(pending_, std::nullopt);
      if (in_flight_.size() >= options_.in_flight_max) {
        sink_.dropped(request);
      } else {
        begin(request);
      }
    }
    asio::post(io_, [this] { pump(); });
  }

  void wait_until(nanoseconds due) {
    due_timer_.expires_at(start_ + due);
    due_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) pump();
    });
  }

  void begin(PlannedRequest request) {
    const nanoseconds sent = elapsed();
    if (is_max()) request.due = sent;
    in_flight_.emplace(request.index, InFlight{request, sent});
    sink_.issued(request, sent);
    asio::co_spawn(io_, exchange(request, sent), asio::detached);
  }

  asio::awaitable<void> exchange(PlannedRequest request, nanoseconds sent) {
    // Named, not temporaries: GCC 12 destroys class temporaries of an awaited call's arguments
    // twice.
    http::RequestHead head = head_of(request);
    std::string body;
    http::FetchOutcome fetched =
        co_await pool_.fetch(endpoint_, std::move(head), std::move(body), options_.request_timeout);
    RequestOutcome outcome;
    outcome.sent = sent;
    outcome.done = elapsed();
    if (fetched.response.ok()) {
      read_answer(fetched.response.value(), outcome);
    } else {
      outcome.failure = failure_class(fetched.response.error(), fetched.request_was_sent);
    }
    end_one(request, outcome);
  }

  void end_one(const PlannedRequest& request, const RequestOutcome& outcome) {
    if (in_flight_.erase(request.index) == 0) return;  // given up on before
    sink_.ended(request, outcome);
    if (is_max() && sending_) {
      pump();
    } else {
      finish_if_idle();
    }
  }

  // The loop would go on for the sake of idle connections and timers.
  void finish_if_idle() {
    if (!sending_ && in_flight_.empty()) io_.stop();
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int /*signal*/) {
      if (error) return;
      // Asked a second time: the person does not want to wait, not even for a report.
      if (interrupted_) std::_Exit(kExitInterrupted);
      interrupt();
      wait_for_signal();
    });
  }

  void interrupt() {
    if (interrupted_) return;
    interrupted_ = true;
    sending_ = false;
    due_timer_.cancel();
    patience_timer_.expires_after(options_.patience);
    patience_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) give_up();
    });
    finish_if_idle();
  }

  void give_up() {
    const std::map<std::uint64_t, InFlight> left = std::exchange(in_flight_, {});
    for (const auto& [index, one] : left) {
      RequestOutcome outcome;
      outcome.sent = one.sent;
      outcome.done = elapsed();
      outcome.failure = "aborted";
      sink_.ended(one.request, outcome);
    }
    io_.stop();
  }

  void arm_tick() {
    tick_timer_.expires_after(options_.tick);
    tick_timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      if (!sink_.tick(elapsed())) interrupt();
      if (sending_ || !in_flight_.empty()) arm_tick();
    });
  }

  ReplayPlan& plan_;
  const SendOptions& options_;
  const Endpoint endpoint_;
  const Clock& clock_;
  ReplaySink& sink_;
  asio::io_context io_{1};
  http::ClientPool pool_;
  asio::steady_timer due_timer_{io_};
  asio::steady_timer patience_timer_{io_};
  asio::steady_timer tick_timer_{io_};
  asio::signal_set signals_{io_};
  Instant start_;
  std::optional<PlannedRequest> pending_;        // planned, not yet due
  std::map<std::uint64_t, InFlight> in_flight_;  // by index
  bool sending_ = true;
  bool interrupted_ = false;
};

}  // namespace

Result<SendSummary> send_plan(ReplayPlan& plan, const SendOptions& options, const Clock& clock,
                              ReplaySink& sink) {
  ISOPOP_TRY_ASSIGN(Endpoint endpoint, parse_endpoint(options.target));
  allow_connections(options.in_flight_max);
  Sender sender(plan, options, std::move(endpoint), clock, sink);
  return sender.run();
}

}  // namespace isopop::sim
