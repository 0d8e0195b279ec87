#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "control_plane/rpc/control_loop.h"
#include "control_plane/rpc/pop_stream.h"
#include "isopop/v1/distribution.grpc.pb.h"

namespace isopop::control {

// gRPC's side of distribution: PoPs' streams and leases, brought to the control loop.
class DistributionService final : public v1::Distribution::CallbackService {
 public:
  explicit DistributionService(ControlLoop& loop) : loop_(loop), streams_(loop) {}

  grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>* Stream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* LeasePop(grpc::CallbackServerContext* context,
                                     const v1::LeasePopRequest* request,
                                     v1::LeasePopResponse* response) override;

 private:
  class Streams final : public PopStreams {
   public:
    explicit Streams(ControlLoop& loop) : loop_(loop) {}
    void post(std::function<void()> task) override { loop_.post(std::move(task)); }
    [[nodiscard]] SessionId open_stream(const StreamOrigin& origin, PopLink& link) override;
    void close_stream(SessionId id) override { loop_.close_stream(id); }
    void receive(SessionId id, const v1::PopMessage& message) override;
    [[nodiscard]] std::optional<v1::ControlMessage> next_message(SessionId id) override {
      return loop_.distributor().next_message(id);
    }
    [[nodiscard]] bool is_shutting_down() const override { return loop_.is_shutting_down(); }

   private:
    ControlLoop& loop_;
  };

  ControlLoop& loop_;
  Streams streams_;
};

}  // namespace isopop::control
