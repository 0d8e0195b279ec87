#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/rpc/tls_files.h"

namespace isopop::sim {

// Who asks which PoP it is, and which ones it would be.
struct LeaseRequest {
  std::string host;
  std::string instance;
  std::vector<std::string> ids;  // the best first
  std::string join_token;        // where programs must identify themselves
};

// Asks the control plane once, over a connection of its own, so that a name is looked up anew each
// time. Blocking. The id; UNAVAILABLE or DEADLINE_EXCEEDED when nobody answers, RESOURCE_EXHAUSTED
// when all are taken.
[[nodiscard]] Result<std::string> lease_pop(const std::string& control_address,
                                            const rpc::TlsFiles& tls, const LeaseRequest& request,
                                            std::chrono::milliseconds timeout);

}  // namespace isopop::sim
