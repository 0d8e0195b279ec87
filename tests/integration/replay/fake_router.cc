#include "tests/integration/replay/fake_router.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>
#include <utility>

#include "common/event_loop/address.h"
#include "common/http/server.h"

namespace isopop::sim {

struct FakeRouter::State {
  explicit State(std::function<FakeAnswer(const http::RequestHead&)> function)
      : answer(std::move(function)) {}

  asio::awaitable<void> handle(http::Exchange& exchange) {
    requests.push_back(exchange.request());
    FakeAnswer reply = answer(exchange.request());
    if (reply.delay.count() > 0) {
      asio::steady_timer timer(io, reply.delay);
      boost::system::error_code ignored;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    (co_await exchange.respond(std::move(reply.head), reply.body))
        .ignore("the client may have gone");
  }

  std::function<FakeAnswer(const http::RequestHead&)> answer;
  std::vector<http::RequestHead> requests;
  asio::io_context io{1};
  std::unique_ptr<http::Server> server;
  std::thread thread;
};

FakeRouter::FakeRouter(std::function<FakeAnswer(const http::RequestHead&)> answer)
    : state_(std::make_unique<State>(std::move(answer))) {
  const Endpoint any_port(asio::ip::address_v4::loopback(), 0);
  State* state = state_.get();
  state->server = http::Server::create(state->io, any_port, [state](http::Exchange& exchange) {
                    return state->handle(exchange);
                  }).value();
  state->thread = std::thread([state] {
    const auto guard = asio::make_work_guard(state->io);
    state->io.run();
  });
}

FakeRouter::~FakeRouter() {
  stop();
  state_->server.reset();
}

std::string FakeRouter::address() const {
  return to_string(state_->server->address());
}

void FakeRouter::stop() {
  state_->io.stop();
  if (state_->thread.joinable()) state_->thread.join();
}

const std::vector<http::RequestHead>& FakeRouter::requests() const {
  return state_->requests;
}

}  // namespace isopop::sim
