#pragma once

#include <CLI/App.hpp>
#include <string>

#include "common/rpc/tls_files.h"

namespace isopop::rpc {

// Adds --tls-cert, --tls-key and --tls-ca: all three or none. With a prefix their environment names
// are PREFIX_TLS_CERT and so on; without one they are named like the program's other options.
void add_tls_options(CLI::App& app, TlsFiles& files, const std::string& environment_prefix = {});

}  // namespace isopop::rpc
