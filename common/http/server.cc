#include "common/http/server.h"

#include <utility>

#include "common/http/connection.h"
#include "common/http/server_core.h"

namespace isopop::http {

const RequestHead& Exchange::request() const {
  return connection_.request();
}
RequestHead& Exchange::mutable_request() {
  return connection_.request();
}
Endpoint Exchange::remote_endpoint() const {
  return connection_.remote();
}
std::uint64_t Exchange::requests_before_on_connection() const {
  return connection_.requests_before();
}
Instant Exchange::received_at() const {
  return connection_.received_at();
}
bool Exchange::has_body() const {
  return connection_.has_body();
}
std::optional<std::uint64_t> Exchange::body_length() const {
  return connection_.body_length();
}
asio::awaitable<Result<std::string>> Exchange::read_body() {
  return connection_.read_body();
}
asio::awaitable<Result<void>> Exchange::respond(ResponseHead head, std::string_view body) {
  co_return co_await connection_.respond(head, body);
}
asio::awaitable<Result<void>> Exchange::start_response(ResponseHead head,
                                                       std::optional<std::uint64_t> length) {
  co_return connection_.start_response(head, length);
}
asio::awaitable<Result<void>> Exchange::write(std::string_view piece) {
  return connection_.write(piece);
}
asio::awaitable<Result<void>> Exchange::flush() {
  return connection_.flush();
}
asio::awaitable<Result<void>> Exchange::finish() {
  return connection_.finish();
}
bool Exchange::response_started() const {
  return connection_.response_started();
}
bool Exchange::client_gone() const {
  return connection_.client_gone();
}
void Exchange::on_client_gone(std::function<void()> callback) {
  connection_.on_client_gone(std::move(callback));
}
void Exchange::close_after() {
  connection_.close_after();
}

Server::Server(std::shared_ptr<ServerCore> core) : core_(std::move(core)) {}

Result<std::unique_ptr<Server>> Server::create(asio::io_context& io, Endpoint endpoint,
                                               Handler handler, ServerLimits limits,
                                               RefusalHook on_refusal) {
  auto core = std::make_shared<ServerCore>(io, std::move(handler), limits, std::move(on_refusal));
  ISOPOP_TRY(core->listen(endpoint));
  core->start_accepting();
  return std::unique_ptr<Server>(new Server(std::move(core)));
}

Server::~Server() {
  core_->shut();
}

Endpoint Server::address() const {
  return core_->address();
}

ServerCounters Server::counters() const {
  return core_->counters();
}

void Server::suspend() {
  core_->suspend();
}

Result<void> Server::resume() {
  return core_->resume();
}

asio::awaitable<void> Server::drain(std::chrono::milliseconds patience) {
  return core_->drain(patience);
}

}  // namespace isopop::http
