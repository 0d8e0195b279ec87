#pragma once

#include <grpcpp/grpcpp.h>

#include "control_plane/rpc/telemetry.h"
#include "isopop/v1/operations.pb.h"

namespace isopop::control {

// The streams of `popctl tail` and `popctl top`. Each reactor owns itself until gRPC is done with
// it.

// NOT_FOUND: there is no such worker.
[[nodiscard]] grpc::ServerWriteReactor<v1::TailBatch>* start_tail_stream(
    ControlLoop& loop, Telemetry& telemetry, const v1::TailRequest& request);

// `io` is the loop's.
[[nodiscard]] grpc::ServerWriteReactor<v1::Figures>* start_figures_stream(
    ControlLoop& loop, Telemetry& telemetry, asio::io_context& io, const Clock& clock,
    const v1::WatchFiguresRequest& request);

}  // namespace isopop::control
