#pragma once

#include <grpcpp/grpcpp.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "common/event_loop/asio.h"
#include "common/random/random.h"
#include "common/rpc/tls_files.h"
#include "common/sync/guarded.h"
#include "common/time/clock.h"
#include "control_plane/relay/bundle_folder.h"
#include "control_plane/relay/relay_core.h"
#include "control_plane/rpc/pop_stream.h"

namespace isopop::control {

struct RelayLoopOptions {
  std::string root;  // gRPC address of the control plane
  rpc::TlsFiles tls;
  std::string name;
  // Between attempts to reach the root; doubled up to the bound, with jitter.
  std::chrono::milliseconds backoff_min{200};
  std::chrono::milliseconds backoff_max{5'000};
};

// The one thread on which a relay's live state is touched: it owns the core, carries out its
// effects, and keeps a stream to the root for ever. The disk has a thread of its own, so that no
// PoP waits for it. Lives on `io` but for what says otherwise.
class RelayLoop final : public PopStreams {
 public:
  RelayLoop(asio::io_context& io, const Clock& clock, RelayLoopOptions options,
            BundleFolder bundles);
  ~RelayLoop() override;
  RelayLoop(const RelayLoop&) = delete;
  RelayLoop& operator=(const RelayLoop&) = delete;

  void start();
  // Ends the stream to the root and all PoPs'. `io` has no more work of this object's afterwards.
  void shut_down();

  void post(std::function<void()> task) override { asio::post(io_, std::move(task)); }
  [[nodiscard]] SessionId open_stream(const StreamOrigin& origin, PopLink& link) override;
  void close_stream(SessionId id) override;
  void receive(SessionId id, const v1::PopMessage& message) override;
  [[nodiscard]] std::optional<v1::ControlMessage> next_message(SessionId id) override {
    return core_.next_for_pop(id);
  }
  [[nodiscard]] bool is_shutting_down() const override { return shutting_down_; }

  [[nodiscard]] const RelayCore& core() const { return core_; }
  [[nodiscard]] const std::string& name() const { return options_.name; }

  // Thread-safe: for calls that are passed on to the root.
  [[nodiscard]] std::shared_ptr<grpc::Channel> root_channel() const {
    return channel_.with([](const std::shared_ptr<grpc::Channel>& channel) { return channel; });
  }

 private:
  class RootStream;

  void connect();
  void root_ended(const grpc::Status& status);
  void on_root_message(const v1::RelayDown& message);
  void apply_effects();
  void look_for_bundle(const std::string& sha256);
  void tick();

  asio::io_context& io_;
  RelayLoopOptions options_;
  RelayCore core_;
  RandomStream jitter_;
  asio::steady_timer tick_timer_;
  asio::steady_timer reconnect_timer_;
  std::map<SessionId, PopLink*> links_;
  Guarded<std::shared_ptr<grpc::Channel>> channel_;
  std::shared_ptr<RootStream> root_;  // the one that is open; null between two
  std::chrono::milliseconds backoff_;
  std::string said_;  // why there is no connection, so that it is said once
  bool was_accepted_ = false;
  bool shutting_down_ = false;
  BundleFolder bundles_;  // of the disk's thread
  asio::thread_pool disk_{1};
};

}  // namespace isopop::control
