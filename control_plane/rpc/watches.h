#pragma once

#include <grpcpp/grpcpp.h>

#include "control_plane/rpc/control_loop.h"
#include "isopop/v1/control.pb.h"

namespace isopop::control {

// The two watches. Each reactor owns itself until gRPC is done with it.

// Progress of one version until every connected PoP has answered, or a newer version took its
// place.
[[nodiscard]] grpc::ServerWriteReactor<v1::VersionProgress>* start_version_watch(
    ControlLoop& loop, const v1::WatchVersionRequest& request);

// All PoPs, then each that came, went or changed identity, address or state. What a PoP runs and
// its counters do not count as changes: ListPops tells them. The router's address is known as long
// as the call lives.
[[nodiscard]] grpc::ServerWriteReactor<v1::PopsUpdate>* start_pops_watch(
    ControlLoop& loop, const v1::WatchPopsRequest& request);

}  // namespace isopop::control
