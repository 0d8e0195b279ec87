#pragma once

namespace isopop::control {

// What a call needs. People have roles: a reader may kRead; a deployer also kDeploy, for workers
// whose names fit its patterns (without patterns: all, and what is no worker's own); an admin
// everything but kProgram. Programs, which show a certificate, have kProgram and nothing else.
enum class Permission { kRead, kDeploy, kAdmin, kProgram };

}  // namespace isopop::control
