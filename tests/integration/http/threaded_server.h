#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/http/client_pool.h"
#include "common/http/server.h"

namespace isopop::test {

// An http::Server with an event loop and a thread of its own, on an address of the kernel's choice;
// for tests that play a PoP, or talk to the server from outside. Handlers run on its thread.
class ThreadedServer {
 public:
  explicit ThreadedServer(http::Handler handler, http::ServerLimits limits = {},
                          const std::string& address = "127.0.0.1:0");
  ~ThreadedServer();
  ThreadedServer(const ThreadedServer&) = delete;
  ThreadedServer& operator=(const ThreadedServer&) = delete;

  // "127.0.0.1:12345"
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] http::ServerCounters counters();
  // As kill -9 would: listener and connections are gone at once.
  void kill();
  void suspend();
  [[nodiscard]] Result<void> resume();
  // Drains and returns when that is done.
  void drain(std::chrono::milliseconds patience);
  // For handlers that wait.
  [[nodiscard]] asio::io_context& io();

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string address_;
};

// A handler that answers everything with that text.
[[nodiscard]] http::Handler answering(std::string text);

// http::ClientPool for tests that want an answer and no coroutine. Each call blocks.
class BlockingClient {
 public:
  explicit BlockingClient(http::ClientLimits limits = {});
  ~BlockingClient();
  BlockingClient(const BlockingClient&) = delete;
  BlockingClient& operator=(const BlockingClient&) = delete;

  http::FetchOutcome fetch(const std::string& address, http::RequestHead request,
                           std::string body = "",
                           std::chrono::milliseconds timeout = std::chrono::seconds(20));
  // Sends the body while the answer is already being read, as a proxy's streaming needs.
  http::FetchOutcome exchange(const std::string& address, http::RequestHead request,
                              std::string_view body);
  // A GET of that path.
  http::FetchOutcome get(const std::string& address, const std::string& path,
                         const http::Headers& headers = {});
  // Runs a coroutine over the pool to its end.
  void run(const std::function<asio::awaitable<void>(http::ClientPool&)>& task);
  [[nodiscard]] http::ClientCounters counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Awaits on the current event loop; for handlers that are to be slow.
asio::awaitable<void> pause_for(std::chrono::milliseconds time);

}  // namespace isopop::test
