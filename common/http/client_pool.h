#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/event_loop/address.h"
#include "common/http/message.h"
#include "common/result/result.h"

namespace isopop::http {

struct ClientLimits {
  std::size_t connections_per_endpoint_max = 64;
  std::size_t connections_max = 4096;  // of all endpoints together; idle ones make room
  // Callers that wait for a connection when an endpoint is at its bound; beyond:
  // kResourceExhausted.
  std::size_t waiting_max = 4096;
  std::chrono::milliseconds wait_timeout{5'000};  // for a connection to come free
  std::chrono::milliseconds connect_timeout{2'000};
  std::chrono::milliseconds head_timeout{60'000};  // from the whole request to the response's head
  std::chrono::milliseconds progress_timeout{30'000};  // a body, either way, must move within this
  std::chrono::milliseconds idle_timeout{30'000};  // kept connections; shorter than any server's
  std::size_t head_bytes_max = 64 * 1024;
  std::size_t headers_max = 256;
  std::uint64_t fetch_body_bytes_max = 64ULL * 1024 * 1024;  // of fetch() only
};

struct ClientCounters {
  std::uint64_t connections_opened = 0;
  std::uint64_t connections_open = 0;  // now, idle ones too
  std::uint64_t connections_idle = 0;  // now
  std::uint64_t connects_failed = 0;
  std::uint64_t stale_retries = 0;
};

// How a fetch() ended. `request_was_sent` says that at least part of the request may have reached
// the peer: if false, sending it elsewhere is safe whatever the method. `response_began`: bytes of
// an answer arrived, so the peer lives. `connection_reused`: the request went over a kept
// connection.
struct FetchOutcome {
  Result<Response> response;
  bool request_was_sent = false;
  bool response_began = false;
  bool connection_reused = false;
};

// One request on one connection of the pool, in pieces, for proxies. In order: send() or
// start() write()* finish_body(); read_head(); read_body() until "". read_head() may be awaited
// while the body is still being written (another coroutine), since a server may answer early. When
// it is destroyed after both messages are complete the connection goes back to the pool, otherwise
// it is closed. An error ends the call: kUnavailable (refused, reset, closed), kDeadlineExceeded,
// kDataLoss (the answer is not HTTP, or broke off). Single-threaded, lives no longer than its pool.
class ClientCall {
 public:
  ~ClientCall();
  ClientCall(const ClientCall&) = delete;
  ClientCall& operator=(const ClientCall&) = delete;

  // The whole request in one write.
  asio::awaitable<Result<void>> send(const RequestHead& head, std::string_view body);
  // The head of a request whose body follows; chunked if `body_length` is absent. It goes out with
  // the first piece of the body.
  asio::awaitable<Result<void>> start(const RequestHead& head,
                                      std::optional<std::uint64_t> body_length);
  asio::awaitable<Result<void>> write(std::string_view piece);
  asio::awaitable<Result<void>> finish_body();

  // The final response's head; 1xx are skipped.
  asio::awaitable<Result<ResponseHead>> read_head();
  // The next piece, at most 64 KiB; "" at the end.
  asio::awaitable<Result<std::string>> read_body();
  // After read_head(): the length of the body if it was told (0 if there is none), absent if it is
  // open.
  [[nodiscard]] std::optional<std::uint64_t> body_length() const;

  [[nodiscard]] bool request_was_sent() const;
  [[nodiscard]] bool response_began() const;
  [[nodiscard]] bool connection_reused() const;
  // Ends the call from outside: what is awaited fails with kCancelled, the connection is closed.
  void cancel();

 private:
  friend class ClientPool;
  class Impl;
  explicit ClientCall(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

enum class Reuse { kIfPossible, kFreshConnection };

// Kept-alive HTTP/1.1 connections to many servers. A kept connection is looked at before it is
// used, so that one closed by the peer costs nothing. Lives on the thread of its io_context; must
// outlive its calls.
class ClientPool {
 public:
  explicit ClientPool(asio::io_context& io, ClientLimits limits = {});
  ~ClientPool();
  ClientPool(const ClientPool&) = delete;
  ClientPool& operator=(const ClientPool&) = delete;

  // A whole exchange. Repeated once on a fresh connection when a kept one turns out to be closed
  // before anything of the answer arrived and the request is idempotent or was not sent. `timeout`
  // is for all of it; zero: only the limits.
  asio::awaitable<FetchOutcome> fetch(
      Endpoint endpoint, RequestHead request, std::string body,
      std::chrono::milliseconds timeout = std::chrono::milliseconds(0));

  // A connection for one call. The error means that nothing was sent.
  asio::awaitable<Result<std::unique_ptr<ClientCall>>> open(Endpoint endpoint,
                                                            Reuse reuse = Reuse::kIfPossible);

  // Closes the idle connections to an endpoint: it is known to be gone.
  void forget(const Endpoint& endpoint);
  // Closes all idle connections and lets no new one be opened: kCancelled.
  void close();

  [[nodiscard]] ClientCounters counters() const;

 private:
  std::shared_ptr<class ClientCore> core_;
};

}  // namespace isopop::http
