#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/http/head_writer.h"
#include "common/http/parser.h"
#include "common/http/server.h"
#include "common/http/server_core.h"
#include "common/http/wire.h"

namespace isopop::http {

// Internal to common/http: one accepted connection; reads a request, runs the handler, settles the
// response, and again. Its coroutine holds it alive; ServerCore only points at it.
class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerCore> core, asio::ip::tcp::socket socket, Endpoint remote);
  ~Connection();

  static asio::awaitable<void> serve(std::shared_ptr<Connection> self);
  void cut() { wire_.cut(); }
  // Between requests, nothing of the next one has arrived.
  [[nodiscard]] bool is_idle() const { return idle_; }

  // Behind Exchange; see there.
  [[nodiscard]] RequestHead& request() { return parser_->head(); }
  [[nodiscard]] const Endpoint& remote() const { return remote_; }
  [[nodiscard]] std::uint64_t requests_before() const { return requests_ - 1; }
  [[nodiscard]] Instant received_at() const { return received_at_; }
  [[nodiscard]] bool has_body() const { return parser_->has_body(); }
  [[nodiscard]] std::optional<std::uint64_t> body_length() const;
  asio::awaitable<Result<std::string>> read_body();
  asio::awaitable<Result<void>> respond(const ResponseHead& head, std::string_view body);
  Result<void> start_response(const ResponseHead& head, std::optional<std::uint64_t> length);
  asio::awaitable<Result<void>> write(std::string_view piece);
  asio::awaitable<Result<void>> flush();
  asio::awaitable<Result<void>> finish();
  [[nodiscard]] bool response_started() const { return stage_ != Stage::kNone; }
  [[nodiscard]] bool client_gone() { return wire_.peek() == Wire::Peek::kGone; }
  void on_client_gone(std::function<void()> callback);
  void close_after() { keep_alive_ = false; }

 private:
  // How far the response is.
  enum class Stage { kNone, kBody, kDone };

  asio::awaitable<void> run();
  asio::awaitable<bool> read_head();
  asio::awaitable<void> run_handler();
  asio::awaitable<bool> settle();
  asio::awaitable<void> refuse(unsigned status, std::string_view reason);
  asio::awaitable<bool> drain_body();
  asio::awaitable<void> linger();
  asio::awaitable<Result<void>> fill_body();
  asio::awaitable<Result<void>> write_pieces(Wire::Pieces pieces);

  void begin_exchange();
  [[nodiscard]] ParseFault check_unfinished_head(std::string_view head) const;
  [[nodiscard]] std::string_view decide_connection(const Framing& framing);
  Error fail_body(unsigned status, ErrorCode code, std::string_view reason);
  void watch_client(std::uint64_t exchange);

  std::shared_ptr<ServerCore> core_;
  Wire wire_;
  Endpoint remote_;
  std::optional<RequestParser> parser_;
  std::string out_;  // head and framing on their way out; kept for its memory
  std::uint64_t requests_ = 0;
  bool idle_ = true;

  // Of the present exchange.
  Instant received_at_;
  std::optional<Instant> body_since_;  // since when more of the body is waited for
  std::uint64_t body_bytes_ = 0;
  ParseFault body_fault_;
  bool wants_continue_ = false;
  bool keep_alive_ = true;
  Stage stage_ = Stage::kNone;
  Framing framing_;
  bool body_dropped_ = false;  // HEAD, 204, 304
  std::uint64_t length_left_ = 0;
  std::function<void()> gone_callback_;
  bool watching_ = false;
};

}  // namespace isopop::http
