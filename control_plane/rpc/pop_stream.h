#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "control_plane/distribution/pop_session.h"
#include "control_plane/rpc/pop_link.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

// Whose PoPs' streams are: the control plane, or a relay of it. Lives on its loop, and so do its
// functions but post(); outlives the streams.
class PopStreams {
 public:
  using SessionId = std::uint64_t;

  virtual ~PopStreams() = default;
  // From any thread.
  virtual void post(std::function<void()> task) = 0;
  // The link is woken when next_message() has something, until the stream is closed.
  [[nodiscard]] virtual SessionId open_stream(const StreamOrigin& origin, PopLink& link) = 0;
  virtual void close_stream(SessionId id) = 0;
  virtual void receive(SessionId id, const v1::PopMessage& message) = 0;
  [[nodiscard]] virtual std::optional<v1::ControlMessage> next_message(SessionId id) = 0;
  [[nodiscard]] virtual bool is_shutting_down() const = 0;
};

// gRPC's side of one PoP's stream: converts callbacks into posts and writes one message at a time,
// made when there is room for it. No thread a stream. Owns itself until gRPC is done with it.
[[nodiscard]] grpc::ServerBidiReactor<v1::PopMessage, v1::ControlMessage>* start_pop_stream(
    PopStreams& streams, grpc::CallbackServerContext& context, const StreamOrigin& origin);

}  // namespace isopop::control
