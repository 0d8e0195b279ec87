#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/rpc/tls_files.h"

namespace isopop::control {

struct RelayProgramOptions {
  std::string root;  // gRPC address of the control plane
  std::string name;  // empty: the host's
  std::string listen = "127.0.0.1:7070";
  std::string http_listen = "127.0.0.1:7071";
  std::filesystem::path state = ".isopop";  // bundles, and the relay's certificate
  // How it says who it is: a folder to enroll from, or files, or nothing (plain text).
  std::filesystem::path join;
  rpc::TlsFiles tls;
  std::vector<std::string> server_names;  // further ones that PoPs call it by
};

// A regional relay: PoPs connect to it as they would to the control plane, and it connects to that.
// No database. Runs until SIGTERM or SIGINT; its address is in STATE/relay.endpoint meanwhile.
[[nodiscard]] Result<void> run_relay(const RelayProgramOptions& options);

}  // namespace isopop::control
