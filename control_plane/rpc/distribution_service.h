#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "control_plane/rpc/authorize.h"
#include "control_plane/rpc/control_loop.h"
#include "control_plane/rpc/pop_stream.h"
#include "isopop/v1/distribution.grpc.pb.h"

namespace isopop::control {

// gRPC's side of distribution: streams of PoPs and relays, and leases, brought to the control loop.
// A PoP is who its certificate says; what a relay says of its PoPs is believed, since it has
// checked theirs.
class DistributionService final : public v1::Distribution::CallbackService {
 public:
  DistributionService(ControlLoop& loop, const Authorizer& authorizer)
      : loop_(loop), authorizer_(authorizer), streams_(loop) {}

  grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>* Stream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* LeasePop(grpc::CallbackServerContext* context,
                                     const v1::LeasePopRequest* request,
                                     v1::LeasePopResponse* response) override;
  grpc::ServerBidiReactor<v1::RelayUp, v1::RelayDown>* Relay(
      grpc::CallbackServerContext* context) override;

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

  // The id that the caller's certificate gives a program of that kind; empty where there are none.
  [[nodiscard]] Result<std::string> program_id(const grpc::CallbackServerContext& context,
                                               std::string_view kind) const;

  ControlLoop& loop_;
  const Authorizer& authorizer_;
  Streams streams_;
};

}  // namespace isopop::control
