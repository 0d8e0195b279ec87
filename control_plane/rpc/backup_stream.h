#pragma once

#include <grpcpp/grpcpp.h>

#include <filesystem>

#include "control_plane/rpc/control_loop.h"
#include "isopop/v1/operations.pb.h"

namespace isopop::control {

// The database as it is at one moment, in pieces. The copy is made in `state` and has lost its name
// before the first piece is read, so that nothing stays behind however the call ends. The reactor
// owns itself until gRPC is done with it.
[[nodiscard]] grpc::ServerWriteReactor<v1::BackupPiece>* start_backup_stream(
    ControlLoop& loop, const std::filesystem::path& state);

}  // namespace isopop::control
