#include "pop_node/executor/snapshot_blob.h"

// The file becomes read-only data of this program; V8 wants it aligned.
__asm__(
    ".pushsection .rodata\n"
    ".balign 64\n"
    ".global isopop_snapshot_begin\n"
    ".global isopop_snapshot_end\n"
    "isopop_snapshot_begin:\n"
    ".incbin \"" ISOPOP_SNAPSHOT_FILE
    "\"\n"
    "isopop_snapshot_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern "C" {
extern const char isopop_snapshot_begin[];  // NOLINT(*-c-arrays)
extern const char isopop_snapshot_end[];    // NOLINT(*-c-arrays)
}

namespace isopop::executor {

v8::StartupData snapshot_blob() {
  return {isopop_snapshot_begin, static_cast<int>(isopop_snapshot_end - isopop_snapshot_begin)};
}

}  // namespace isopop::executor
