#pragma once

#include <grpcpp/grpcpp.h>

#include "control_plane/registry/store.h"
#include "isopop/v1/control.pb.h"

namespace isopop::control {

// The sending end of DownloadVersion: the bundle, its hash checked, in pieces that the reader
// pulls. The reactor owns itself until gRPC is done with it.
[[nodiscard]] grpc::ServerWriteReactor<v1::BundlePiece>* start_download(
    Store& store, const v1::GetVersionRequest& request);

}  // namespace isopop::control
