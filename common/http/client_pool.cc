#include "common/http/client_pool.h"

#include <utility>

#include "common/http/client_call.h"
#include "common/http/client_core.h"

namespace isopop::http {
namespace {

// Cancels a call when the time for all of it is over.
class CallDeadline final : public Deadlines::Entry {
 public:
  CallDeadline(Deadlines& deadlines, ClientCall& call) : Entry(deadlines), call_(call) {}
  [[nodiscard]] bool passed() const { return passed_; }

 private:
  void on_deadline() override {
    passed_ = true;
    call_.cancel();
  }
  ClientCall& call_;
  bool passed_ = false;
};

asio::awaitable<Result<Response>> exchange(ClientCall& call, const RequestHead& request,
                                           std::string_view body, std::uint64_t body_bytes_max) {
  ISOPOP_CO_TRY(co_await call.send(request, body));
  Response response;
  ISOPOP_CO_TRY_ASSIGN(response.head, co_await call.read_head());
  while (true) {
    ISOPOP_CO_TRY_ASSIGN(const std::string piece, co_await call.read_body());
    if (piece.empty()) co_return response;
    if (response.body.size() + piece.size() > body_bytes_max) {
      Error error{ErrorCode::kResourceExhausted, "the answer's body is too large"};
      co_return error;
    }
    response.body.append(piece);
  }
}

}  // namespace

ClientCall::ClientCall(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ClientCall::~ClientCall() = default;

asio::awaitable<Result<void>> ClientCall::send(const RequestHead& head, std::string_view body) {
  return impl_->send(head, body);
}
asio::awaitable<Result<void>> ClientCall::start(const RequestHead& head,
                                                std::optional<std::uint64_t> body_length) {
  co_return impl_->start(head, body_length);
}
asio::awaitable<Result<void>> ClientCall::write(std::string_view piece) {
  return impl_->write(piece);
}
asio::awaitable<Result<void>> ClientCall::finish_body() {
  return impl_->finish_body();
}
asio::awaitable<Result<ResponseHead>> ClientCall::read_head() {
  return impl_->read_head();
}
asio::awaitable<Result<std::string>> ClientCall::read_body() {
  return impl_->read_body();
}
std::optional<std::uint64_t> ClientCall::body_length() const {
  return impl_->body_length();
}
bool ClientCall::request_was_sent() const {
  return impl_->request_was_sent();
}
bool ClientCall::response_began() const {
  return impl_->response_began();
}
bool ClientCall::connection_reused() const {
  return impl_->connection_reused();
}
void ClientCall::cancel() {
  impl_->cancel();
}

ClientPool::ClientPool(asio::io_context& io, ClientLimits limits)
    : core_(std::make_shared<ClientCore>(io, limits)) {}

ClientPool::~ClientPool() {
  core_->close();
}

asio::awaitable<Result<std::unique_ptr<ClientCall>>> ClientPool::open(Endpoint endpoint,
                                                                      Reuse reuse) {
  Result<std::unique_ptr<ClientConnection>> connection =
      co_await core_->acquire(endpoint, reuse, ClientCore::TimePoint::max());
  if (!connection.ok()) co_return connection.error();
  co_return std::unique_ptr<ClientCall>(
      new ClientCall(std::make_unique<ClientCall::Impl>(core_, std::move(connection).value())));
}

asio::awaitable<FetchOutcome> ClientPool::fetch(Endpoint endpoint, RequestHead request,
                                                std::string body,
                                                std::chrono::milliseconds timeout) {
  const std::shared_ptr<ClientCore> core = core_;
  const auto until = timeout.count() > 0 ? steady_now() + timeout : ClientCore::TimePoint::max();
  Reuse reuse = Reuse::kIfPossible;
  while (true) {
    Result<std::unique_ptr<ClientConnection>> connection =
        co_await core->acquire(endpoint, reuse, until);
    if (!connection.ok()) {
      FetchOutcome outcome{.response = connection.error()};
      co_return outcome;
    }
    ClientCall call(std::make_unique<ClientCall::Impl>(core, std::move(connection).value()));
    CallDeadline deadline(core->deadlines(), call);
    deadline.set_deadline(until);
    // Awaited by itself: inside the braces GCC 12 copies the answer bit by bit and frees it twice.
    Result<Response> response =
        co_await exchange(call, request, body, core->limits().fetch_body_bytes_max);
    FetchOutcome outcome{.response = std::move(response),
                         .request_was_sent = call.request_was_sent(),
                         .response_began = call.response_began(),
                         .connection_reused = call.connection_reused()};
    if (outcome.response.ok()) co_return outcome;
    if (deadline.passed()) {
      outcome.response = Error{ErrorCode::kDeadlineExceeded, "no whole answer in time"};
      co_return outcome;
    }
    const bool stale = outcome.connection_reused && !outcome.response_began &&
                       outcome.response.error().code == ErrorCode::kUnavailable;
    const bool repeatable = is_idempotent(request.method) || !outcome.request_was_sent;
    if (!stale || !repeatable || reuse == Reuse::kFreshConnection) co_return outcome;
    ++core->counters().stale_retries;
    reuse = Reuse::kFreshConnection;
  }
}

void ClientPool::forget(const Endpoint& endpoint) {
  core_->forget(endpoint);
}

void ClientPool::close() {
  core_->close();
}

ClientCounters ClientPool::counters() const {
  return core_->counters();
}

}  // namespace isopop::http
