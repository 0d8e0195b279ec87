#pragma once

#include <filesystem>
#include <string>

#include "common/rpc/tls_files.h"

namespace isopop::sim {

// How a control plane is asked: whose certificates are believed, and as whom.
struct ControlAccess {
  rpc::TlsFiles tls;  // none: plain text
  std::string token;  // empty: none
};

// What the state folder of a network has: join/ca.crt and pki/admin.token, where they are. Files
// that were given go before it.
[[nodiscard]] ControlAccess access_of(const std::filesystem::path& state,
                                      const rpc::TlsFiles& given = {});

}  // namespace isopop::sim
