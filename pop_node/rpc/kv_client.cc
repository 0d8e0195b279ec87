#include "pop_node/rpc/kv_client.h"

#include <grpc/support/time.h>

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

#include "common/rpc/rpc.h"
#include "isopop/v1/kv.grpc.pb.h"

namespace isopop::pop {

// Shared with every call that is under way.
class KvClient::Impl final : public std::enable_shared_from_this<KvClient::Impl> {
 public:
  Impl(asio::io_context& io, Connect connect, KvClientOptions options)
      : io_(io), connect_(std::move(connect)), options_(std::move(options)) {
    connect_anew();
  }

  // Calls that are under way keep the old channel.
  void connect_anew() { stub_ = v1::Kv::NewStub(connect_()); }

  [[nodiscard]] const std::string& pop_id() const { return options_.pop_id; }
  [[nodiscard]] v1::Kv::Stub::async_interface& stub() { return *stub_->async(); }

  // `start(context, request, response, done)` begins it.
  template <typename Request, typename Response, typename Start>
  void call(Request request, Start start, std::function<void(Result<Response>)> answer) {
    struct Call {
      grpc::ClientContext context;
      Request request;
      Response response;
    };
    const auto call = std::make_shared<Call>();
    call->request = std::move(request);
    call->context.set_deadline(
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                     gpr_time_from_millis(options_.deadline.count(), GPR_TIMESPAN)));
    {
      const std::lock_guard lock(mutex_);
      under_way_[&call->context] = call;
    }
    start(
        &call->context, &call->request, &call->response,
        [self = shared_from_this(), call, answer = std::move(answer)](const grpc::Status& status) {
          // The loop is there as long as the call is under way.
          asio::post(self->io_, [self, call, status, answer] {
            if (self->is_closed_) return;
            if (!status.ok()) return answer(rpc::to_error(status));
            answer(std::move(call->response));
          });
          self->ended(call->context);
        });
  }

  void close() {
    is_closed_ = true;
    std::unique_lock lock(mutex_);
    // Without the lock: a call may end within TryCancel().
    const UnderWay under_way = under_way_;
    lock.unlock();
    for (const auto& [context, call] : under_way) context->TryCancel();
    lock.lock();
    all_ended_.wait(lock, [this] { return under_way_.empty(); });
  }

 private:
  using UnderWay = std::map<grpc::ClientContext*, std::shared_ptr<void>>;  // with what owns it

  void ended(grpc::ClientContext& context) {
    const std::lock_guard lock(mutex_);
    under_way_.erase(&context);
    if (under_way_.empty()) all_ended_.notify_all();
  }

  asio::io_context& io_;
  const Connect connect_;
  const KvClientOptions options_;
  std::unique_ptr<v1::Kv::Stub> stub_;
  bool is_closed_ = false;  // on the event loop
  std::mutex mutex_;
  std::condition_variable all_ended_;
  UnderWay under_way_;
};

KvClient::KvClient(asio::io_context& io, Connect connect, KvClientOptions options)
    : impl_(std::make_shared<Impl>(io, std::move(connect), std::move(options))) {}

KvClient::~KvClient() {
  impl_->close();
}

void KvClient::connect_anew() {
  impl_->connect_anew();
}

void KvClient::read(const KvKey& key, ReadAnswer answer) {
  v1::KvReadRequest request;
  request.set_namespace_(key.space);
  request.set_key(key.key);
  request.set_reader(impl_->pop_id());
  impl_->call<v1::KvReadRequest, v1::KvReadResponse>(
      std::move(request), [this](const auto&... arguments) { impl_->stub().Read(arguments...); },
      [answer = std::move(answer)](Result<v1::KvReadResponse> read) {
        if (!read.ok()) return answer(read.error());
        answer(KvCopy(std::make_shared<const v1::KvReadResponse>(std::move(read).value())));
      });
}

void KvClient::write(v1::KvWriteRequest::Write write, WriteAnswer answer) {
  v1::KvWriteRequest request;
  *request.add_writes() = std::move(write);
  request.set_origin(impl_->pop_id());
  impl_->call<v1::KvWriteRequest, v1::KvWriteResponse>(
      std::move(request), [this](const auto&... arguments) { impl_->stub().Write(arguments...); },
      std::move(answer));
}

void KvClient::list(const v1::KvListRequest& request, ListAnswer answer) {
  impl_->call<v1::KvListRequest, v1::KvListResponse>(
      request, [this](const auto&... arguments) { impl_->stub().List(arguments...); },
      std::move(answer));
}

}  // namespace isopop::pop
