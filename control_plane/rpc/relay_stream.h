#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>

#include "control_plane/rpc/pop_stream.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

// Who wants to know which relays there are. On the loop.
struct RelayObserver {
  std::function<void(const std::string& id)> came;
  std::function<void(const std::string& id)> went;
};

// The root's side of a relay's stream: each of its channels is a PoP's stream like any other. What
// is for all of them goes out in one message as large as a few hundred kilobytes, made when there
// is room for it. `allowed`: the only relay it may be, as its certificate says; empty: any. Owns
// itself until gRPC is done with it.
[[nodiscard]] grpc::ServerBidiReactor<v1::RelayUp, v1::RelayDown>* start_relay_stream(
    PopStreams& streams, grpc::CallbackServerContext& context, std::string allowed,
    RelayObserver observer);

}  // namespace isopop::control
