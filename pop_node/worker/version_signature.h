#pragma once

#include <string>

#include "common/pki/signing.h"
#include "common/result/result.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::pop {

// The bytes that the control plane signs of a version: "isopop worker version 1\n" and the
// deterministic serialisation of the message without its signature.
[[nodiscard]] std::string signed_bytes(const v1::WorkerVersion& version);

// Whether the version is as the holder of the bundle key made it. PERMISSION_DENIED says what to
// look at.
[[nodiscard]] Result<void> check_signature(const v1::WorkerVersion& version,
                                           const pki::VerifyKey& key);

}  // namespace isopop::pop
