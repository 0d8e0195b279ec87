#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/event_loop/asio.h"
#include "pop_node/kv/kv_upstream.h"

namespace grpc {
class Channel;
}

namespace isopop::pop {

struct KvClientOptions {
  std::string pop_id;  // who is to be told of changes, and whose the writes are
  std::chrono::milliseconds deadline{5'000};
};

// The control plane as the holder of namespaces, over gRPC. gRPC's threads only post to the event
// loop; everything else lives on the event loop.
class KvClient final : public KvUpstream {
 public:
  // Gives a channel of its own each time.
  using Connect = std::function<std::shared_ptr<grpc::Channel>()>;

  KvClient(asio::io_context& io, Connect connect, KvClientOptions options);
  // Cancels what is under way, and waits until gRPC has let go of it; nothing is answered any more.
  ~KvClient() override;
  KvClient(const KvClient&) = delete;
  KvClient& operator=(const KvClient&) = delete;
  KvClient(KvClient&&) = delete;
  KvClient& operator=(KvClient&&) = delete;

  // What is asked from now on goes over a new channel: one that has failed looks a name up again
  // only when it thinks fit, and a control plane that was started elsewhere has another address.
  void connect_anew() override;

  void read(const KvKey& key, ReadAnswer answer) override;
  void write(v1::KvWriteRequest::Write write, WriteAnswer answer) override;
  void list(const v1::KvListRequest& request, ListAnswer answer) override;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace isopop::pop
