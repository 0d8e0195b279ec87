#pragma once

#include <filesystem>
#include <string>

#include "common/result/result.h"
#include "control_plane/server/security.h"

namespace isopop::control {

struct ControlPlaneOptions {
  std::string listen = "127.0.0.1:7070";
  std::string http_listen = "127.0.0.1:7071";
  std::filesystem::path state = ".isopop";
  std::filesystem::path executor;  // empty: beside this program
  SecurityOptions security;
};

// Runs until SIGTERM or SIGINT, then ends the streams and returns within 5 s.
[[nodiscard]] Result<void> run_control_plane(const ControlPlaneOptions& options);

}  // namespace isopop::control
