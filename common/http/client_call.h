#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/http/client_core.h"
#include "common/http/head_writer.h"
#include "common/http/parser.h"

namespace isopop::http {

// Internal to common/http: behind ClientCall; see there.
class ClientCall::Impl {
 public:
  Impl(std::shared_ptr<ClientCore> core, std::unique_ptr<ClientConnection> connection);
  ~Impl();

  asio::awaitable<Result<void>> send(const RequestHead& head, std::string_view body);
  Result<void> start(const RequestHead& head, std::optional<std::uint64_t> body_length);
  asio::awaitable<Result<void>> write(std::string_view piece);
  asio::awaitable<Result<void>> finish_body();
  asio::awaitable<Result<ResponseHead>> read_head();
  asio::awaitable<Result<std::string>> read_body();

  [[nodiscard]] std::optional<std::uint64_t> body_length() const;
  [[nodiscard]] bool request_was_sent() const {
    return connection_->wire.bytes_written() > written_before_;
  }
  [[nodiscard]] bool response_began() const { return response_began_; }
  [[nodiscard]] bool connection_reused() const { return connection_->calls > 1; }
  void cancel();

 private:
  Result<void> begin(const RequestHead& head, Framing framing);
  asio::awaitable<Result<void>> put(Wire::Pieces pieces);
  void request_is_whole();
  asio::awaitable<Result<ResponseHead>> read_one_head();

  std::shared_ptr<ClientCore> core_;
  std::unique_ptr<ClientConnection> connection_;
  std::optional<ResponseParser> parser_;
  std::string out_;
  std::uint64_t written_before_;
  Framing framing_;
  std::uint64_t length_left_ = 0;
  bool head_request_ = false;
  bool keep_alive_ = true;
  bool request_whole_ = false;
  bool awaiting_head_ = false;
  bool response_began_ = false;
  bool response_whole_ = false;
  bool failed_ = false;
};

}  // namespace isopop::http
