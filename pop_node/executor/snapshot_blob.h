#pragma once

#include <v8.h>

namespace isopop::executor {

// The start-up snapshot that isopop-mksnapshot made when this program was built.
[[nodiscard]] v8::StartupData snapshot_blob();

}  // namespace isopop::executor
