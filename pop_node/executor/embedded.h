#pragma once

#include <v8.h>

#include <string_view>

namespace isopop::executor {

// Files that are read-only data of this program.

// The start-up snapshot that isopop-mksnapshot made when this program was built.
[[nodiscard]] v8::StartupData snapshot_blob();

// pop_node/runtime/rehearsal.js
[[nodiscard]] std::string_view rehearsal_source();

}  // namespace isopop::executor
