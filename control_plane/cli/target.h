#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "common/result/result.h"
#include "common/rpc/tls_files.h"

namespace isopop::control::cli {

// What was said of where the control plane is and who asks, by flags and environment.
struct TargetOptions {
  std::optional<std::string> endpoint;  // --endpoint
  std::optional<std::string> context;   // --context
  std::optional<std::string> state;     // --state
  std::string endpoint_of_environment;  // POPCTL_ENDPOINT
  std::string token_file;               // --token-file
  std::string token_of_environment;     // POPCTL_TOKEN
  std::string ca;                       // --ca
  rpc::TlsFiles tls;
};

// The control plane to speak to, how, and as whom.
struct Target {
  std::string address;  // "HOST:PORT"
  rpc::TlsFiles tls;
  std::string token;  // empty: none
};

inline constexpr const char* kStateFolder = ".isopop";  // where nobody said anything

// --endpoint, --context (both: the context's but for the address), --state, POPCTL_ENDPOINT, the
// current context, the state folder `.isopop`: the first that is there. CA and token come from
// where the address does, so that no token goes where it does not belong; a flag, and for the token
// POPCTL_TOKEN, beats that. NOT_FOUND: no control plane runs on the folder, or there is no such
// context. INVALID_ARGUMENT: what was said makes no sense.
[[nodiscard]] Result<Target> find_target(const TargetOptions& options,
                                         const std::filesystem::path& contexts_file);

}  // namespace isopop::control::cli
