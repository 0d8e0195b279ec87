#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <utility>

#include "control_plane/rpc/control_loop.h"

namespace isopop::control {

// A server-streaming call that makes each message when the last one is written: a slow reader gets
// the newest state, not a backlog. Owns itself until gRPC says OnDone. Derived classes live on the
// loop.
template <typename Message>
class PullStream : public grpc::ServerWriteReactor<Message>,
                   public Watcher,
                   public std::enable_shared_from_this<PullStream<Message>> {
 public:
  explicit PullStream(ControlLoop& loop) : loop_(loop) {}

  void start() {
    self_ = this->shared_from_this();
    loop_.post([self = self_] {
      self->loop_.add_watcher(*self);
      self->opened();
    });
  }

  void OnWriteDone(bool ok) override {
    loop_.post([self = self_, ok] {
      self->writing_ = false;
      if (ok) {
        self->pump();
      } else {
        self->finish(grpc::Status::CANCELLED);
      }
    });
  }
  void OnCancel() override {
    loop_.post([self = self_] { self->finish(grpc::Status::CANCELLED); });
  }
  void OnDone() override {
    loop_.post([self = std::move(self_)] {
      self->loop_.remove_watcher(*self);
      self->closed();
    });
  }

  void pops_changed(const std::set<std::string>& /*ids*/) override {}
  void pops_settled() override {}
  void worker_changed(const std::string& /*worker*/) override {}
  void shut_down() override {
    finish({grpc::StatusCode::UNAVAILABLE, "the control plane is shutting down"});
  }

 protected:
  virtual void opened() = 0;
  virtual void closed() {}
  // The next message to write. When there is none now, pump() is called again once there is.
  virtual std::optional<Message> next() = 0;

  void pump() {
    if (writing_ || finishing_) return;
    std::optional<Message> message = next();
    if (!message) return;
    outgoing_ = *std::move(message);
    writing_ = true;
    this->StartWrite(&outgoing_);
  }

  // Once; what is being written is still delivered.
  void finish(const grpc::Status& status) {
    if (finishing_) return;
    finishing_ = true;
    this->Finish(status);
  }

  // The last message, then OK.
  void finish_with(Message message) {
    if (finishing_) return;
    finishing_ = true;
    outgoing_ = std::move(message);
    this->StartWriteAndFinish(&outgoing_, grpc::WriteOptions(), grpc::Status::OK);
  }
  [[nodiscard]] bool is_writing() const { return writing_; }

  ControlLoop& loop_;

 private:
  std::shared_ptr<PullStream> self_;
  Message outgoing_;
  bool writing_ = false;
  bool finishing_ = false;
};

}  // namespace isopop::control
