#include "tests/integration/http/threaded_server.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <exception>
#include <future>
#include <optional>
#include <thread>
#include <utility>

namespace isopop::test {

struct ThreadedServer::State {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::unique_ptr<http::Server> server;
  std::thread thread;

  // Runs on the server's thread and waits for the result.
  template <typename Function>
  auto on_thread(Function function) {
    std::packaged_task<decltype(function())()> task(std::move(function));
    auto result = task.get_future();
    asio::post(io, [&task] { task(); });
    return result.get();
  }
};

ThreadedServer::ThreadedServer(http::Handler handler, http::ServerLimits limits,
                               const std::string& address)
    : state_(std::make_unique<State>()) {
  auto server =
      http::Server::create(state_->io, parse_endpoint(address).value(), std::move(handler), limits);
  state_->server = std::move(server).value();
  address_ = to_string(state_->server->address());
  state_->thread = std::thread([this] { state_->io.run(); });
}

ThreadedServer::~ThreadedServer() {
  kill();
  state_->work.reset();
  state_->io.stop();
  state_->thread.join();
}

http::ServerCounters ThreadedServer::counters() {
  return state_->on_thread([this] { return state_->server->counters(); });
}

void ThreadedServer::kill() {
  state_->on_thread([this] { state_->server.reset(); });
}

void ThreadedServer::suspend() {
  state_->on_thread([this] { state_->server->suspend(); });
}

Result<void> ThreadedServer::resume() {
  return state_->on_thread([this] { return state_->server->resume(); });
}

void ThreadedServer::drain(std::chrono::milliseconds patience) {
  asio::co_spawn(state_->io, state_->server->drain(patience), asio::use_future).get();
}

asio::io_context& ThreadedServer::io() {
  return state_->io;
}

http::Handler answering(std::string text) {
  return [text = std::move(text)](http::Exchange& exchange) -> asio::awaitable<void> {
    // Taken from the lambda before the first suspension: it outlives the server anyway.
    (co_await exchange.respond(http::ResponseHead(), text)).ignore("the client's loss");
  };
}

struct BlockingClient::State {
  asio::io_context io{1};
  std::optional<http::ClientPool> pool;
};

BlockingClient::BlockingClient(http::ClientLimits limits) : state_(std::make_unique<State>()) {
  state_->pool.emplace(state_->io, limits);
}

BlockingClient::~BlockingClient() {
  state_->pool.reset();
  state_->io.restart();
  state_->io.poll();
}

http::FetchOutcome BlockingClient::fetch(const std::string& address, http::RequestHead request,
                                         std::string body, std::chrono::milliseconds timeout) {
  std::optional<http::FetchOutcome> outcome;
  run([&](http::ClientPool& pool) -> asio::awaitable<void> {
    outcome.emplace(co_await pool.fetch(parse_endpoint(address).value(), std::move(request),
                                        std::move(body), timeout));
  });
  return std::move(*outcome);
}

namespace {

asio::awaitable<void> send_body(http::ClientCall& call, std::string_view body, bool& done) {
  constexpr std::size_t kPiece = 50'000;
  bool good = true;
  while (good && !body.empty()) {
    const std::string_view piece = body.substr(0, kPiece);
    const Result<void> written = co_await call.write(piece);
    good = written.ok();
    body.remove_prefix(piece.size());
  }
  if (good) (co_await call.finish_body()).ignore("seen when the answer is read");
  done = true;
}

asio::awaitable<Result<http::Response>> read_answer(http::ClientCall& call) {
  http::Response response;
  ISOPOP_CO_TRY_ASSIGN(response.head, co_await call.read_head());
  while (true) {
    ISOPOP_CO_TRY_ASSIGN(const std::string piece, co_await call.read_body());
    if (piece.empty()) co_return response;
    response.body += piece;
  }
}

}  // namespace

http::FetchOutcome BlockingClient::exchange(const std::string& address, http::RequestHead request,
                                            std::string_view body) {
  std::optional<http::FetchOutcome> outcome;
  run([&](http::ClientPool& pool) -> asio::awaitable<void> {
    auto opened = co_await pool.open(parse_endpoint(address).value());
    const std::unique_ptr<http::ClientCall> call = std::move(opened).value();
    const Result<void> started = co_await call->start(request, body.size());
    EXPECT_TRUE(started.ok());
    bool sent = false;
    asio::co_spawn(state_->io, send_body(*call, body, sent), asio::detached);
    Result<http::Response> response = co_await read_answer(*call);
    while (!sent) co_await pause_for(std::chrono::milliseconds(1));
    outcome.emplace(http::FetchOutcome{.response = std::move(response)});
  });
  return std::move(*outcome);
}

http::FetchOutcome BlockingClient::get(const std::string& address, const std::string& path,
                                       const http::Headers& headers) {
  http::RequestHead request;
  request.target = path;
  request.headers = headers;
  return fetch(address, std::move(request));
}

void BlockingClient::run(const std::function<asio::awaitable<void>(http::ClientPool&)>& task) {
  bool done = false;
  asio::co_spawn(state_->io, task(*state_->pool), [&done](std::exception_ptr error) {
    done = true;
    if (error) std::rethrow_exception(error);
  });
  state_->io.restart();
  while (!done && state_->io.run_one() > 0) {
  }
}

http::ClientCounters BlockingClient::counters() const {
  return state_->pool->counters();
}

asio::awaitable<void> pause_for(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace isopop::test
