#include "control_plane/registry/version_signature.h"

#include "common/protobuf/deterministic.h"

namespace isopop::control {

std::string signed_bytes_of(const v1::WorkerVersion& version) {
  v1::WorkerVersion unsigned_version = version;
  unsigned_version.clear_signature();
  return "isopop worker version 1\n" + serialise_deterministically(unsigned_version);
}

}  // namespace isopop::control
