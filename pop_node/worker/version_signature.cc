#include "pop_node/worker/version_signature.h"

#include "common/protobuf/deterministic.h"

namespace isopop::pop {

std::string signed_bytes(const v1::WorkerVersion& version) {
  v1::WorkerVersion unsigned_version = version;
  unsigned_version.clear_signature();
  return "isopop worker version 1\n" + serialise_deterministically(unsigned_version);
}

Result<void> check_signature(const v1::WorkerVersion& version, const pki::VerifyKey& key) {
  const std::string name =
      "worker " + version.worker() + " version " + std::to_string(version.number());
  if (version.signature().empty()) {
    return Error{ErrorCode::kPermissionDenied,
                 name + " is not signed, and this PoP runs only what its control plane signed"};
  }
  if (!key.verify(signed_bytes(version), version.signature())) {
    return Error{ErrorCode::kPermissionDenied,
                 name +
                     ": its signature is not the control plane's over this code, these settings "
                     "and these routes"};
  }
  return {};
}

}  // namespace isopop::pop
