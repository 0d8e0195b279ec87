#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/event_loop/address.h"
#include "common/http/message.h"
#include "common/result/result.h"
#include "common/time/clock.h"

namespace isopop::http {

// What a server puts up with. Every limit that bites is answered with its 4xx (or 503) and counted.
struct ServerLimits {
  std::size_t connections_max = 4096;                   // beyond: 503 and close
  std::size_t head_bytes_max = 64 * 1024;               // 431
  std::size_t headers_max = 256;                        // 431
  std::size_t target_bytes_max = 16 * 1024;             // 414
  std::uint64_t body_bytes_max = 100ULL * 1024 * 1024;  // 413, at once if content-length tells
  std::chrono::milliseconds head_timeout{10'000};  // for a whole head, from its first byte: 408
  // A body, either way, must move within this time: 408, or the connection is dropped.
  std::chrono::milliseconds progress_timeout{10'000};
  // And a request body must arrive with this rate on average, once that time has passed: 408.
  std::uint64_t body_rate_min_bytes_per_s = 128;
  std::chrono::milliseconds idle_timeout{75'000};  // kept-alive connections without a request
};

// Counts since the server was created.
struct ServerCounters {
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  // over connections_max
  std::uint64_t connections_open = 0;     // now
  std::uint64_t requests = 0;
  std::uint64_t requests_refused = 0;  // answered 4xx here, without the handler
};

// The server's side of one request and its response. Lives as long as the handler's coroutine; used
// only on the server's io_context thread. The order is: read the body if wanted, then either
// respond() or start_response() write()* finish(). An error from a write means the client is gone:
// stop. When the handler returns without an answer the server sends 500, or the 4xx that
// read_body() failed with; when it returns amid a response, the connection is cut so that the
// client sees the answer is not whole.
class Exchange {
 public:
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  [[nodiscard]] const RequestHead& request() const;
  // For handlers that pass the head on: take it, change it. request() shows what is left.
  [[nodiscard]] RequestHead& mutable_request();
  [[nodiscard]] Endpoint remote_endpoint() const;
  // 0 for the first request of a connection.
  [[nodiscard]] std::uint64_t requests_before_on_connection() const;
  // When the request's first byte was read.
  [[nodiscard]] Instant received_at() const;

  // Whether the request has a body, and its length if the client told it.
  [[nodiscard]] bool has_body() const;
  [[nodiscard]] std::optional<std::uint64_t> body_length() const;
  // The next piece, at most 64 KiB; "" at the end. kResourceExhausted over body_bytes_max (413),
  // kDeadlineExceeded (408), kInvalidArgument for broken framing (400), kUnavailable: the client is
  // gone.
  asio::awaitable<Result<std::string>> read_body();

  // The whole response in one write. Content-length, connection and date are set here. For HEAD,
  // 204 and 304 the body is not sent. kInvalidArgument if a header holds what would split the
  // response (then nothing was sent and another answer may be given); kFailedPrecondition if there
  // was an answer before.
  asio::awaitable<Result<void>> respond(ResponseHead head, std::string_view body);

  // A response in pieces. Without `length` it is chunked (HTTP/1.0: ended by closing). The head
  // goes out with the first piece, or with flush(). write() of "" does nothing; bytes beyond
  // `length` are a bug.
  asio::awaitable<Result<void>> start_response(ResponseHead head,
                                               std::optional<std::uint64_t> length);
  asio::awaitable<Result<void>> write(std::string_view piece);
  asio::awaitable<Result<void>> flush();
  asio::awaitable<Result<void>> finish();

  [[nodiscard]] bool response_started() const;
  // Whether the client has closed its side or the connection broke; asks the kernel, one system
  // call.
  [[nodiscard]] bool client_gone() const;
  // Calls `callback` once, from the event loop, when the client goes while the handler runs; ""
  // clears it. Costs one system call, so set it only where work can be saved. Not while reading the
  // body.
  void on_client_gone(std::function<void()> callback);
  // The connection closes after this response.
  void close_after();

 private:
  friend class Connection;
  explicit Exchange(class Connection& connection) : connection_(connection) {}

  class Connection& connection_;
};

using Handler = std::function<asio::awaitable<void>(Exchange&)>;

// An answer that the server gives by itself (400, 408, 413, 414, 431, 500, 501, 503). The hook may
// add headers, change the text, count.
struct Refusal {
  ResponseHead head;
  std::string body;  // text/plain
};
using RefusalHook = std::function<void(Refusal&)>;

// HTTP/1.1 (and 1.0) over TCP: keep-alive, pipelining (one request at a time, in order), chunked
// both ways, Expect: 100-continue, HEAD. Requests that two parsers could read differently are
// refused with 400: both content-length and transfer-encoding, folded headers, other transfer
// codings, more than one Host. All of it lives on the thread of its io_context.
class Server {
 public:
  // Listens; port 0 lets the kernel choose. The error of a taken address says so in words. The
  // handler is called for each request; many run at the same time, one a connection.
  static Result<std::unique_ptr<Server>> create(asio::io_context& io, Endpoint endpoint,
                                                Handler handler, ServerLimits limits = {},
                                                RefusalHook on_refusal = {});
  // Cuts what is still open. Handlers that are still running are left to end on their own: their
  // writes fail.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The real address, with the port the kernel chose.
  [[nodiscard]] Endpoint address() const;
  [[nodiscard]] ServerCounters counters() const;

  // As if the machine had gone: nobody can connect, and all connections are cut, answers or not.
  // Until resume(), which listens at the same address again; ALREADY_EXISTS when somebody else has
  // taken it. Each does nothing when it is so already.
  void suspend();
  [[nodiscard]] Result<void> resume();

  // Stops listening, closes idle connections, lets running exchanges finish, each with connection:
  // close; after `patience` cuts the rest. Returns when no connection is left.
  asio::awaitable<void> drain(std::chrono::milliseconds patience);

 private:
  explicit Server(std::shared_ptr<class ServerCore> core);

  std::shared_ptr<class ServerCore> core_;
};

}  // namespace isopop::http
