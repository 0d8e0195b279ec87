#include "pop_node/executor/embedded.h"

// V8 wants its snapshot aligned.
#define ISOPOP_EMBED(name, file)                                                 \
  __asm__(".pushsection .rodata\n.balign 64\n.global isopop_" name               \
          "_begin\n"                                                             \
          ".global isopop_" name "_end\nisopop_" name "_begin:\n.incbin \"" file \
          "\"\nisopop_" name "_end:\n.byte 0\n.popsection\n")
ISOPOP_EMBED("snapshot", ISOPOP_SNAPSHOT_FILE);
ISOPOP_EMBED("rehearsal", ISOPOP_REHEARSAL_FILE);

extern "C" {
extern const char isopop_snapshot_begin[];   // NOLINT(*-c-arrays)
extern const char isopop_snapshot_end[];     // NOLINT(*-c-arrays)
extern const char isopop_rehearsal_begin[];  // NOLINT(*-c-arrays)
extern const char isopop_rehearsal_end[];    // NOLINT(*-c-arrays)
}

namespace isopop::executor {

v8::StartupData snapshot_blob() {
  return {isopop_snapshot_begin, static_cast<int>(isopop_snapshot_end - isopop_snapshot_begin)};
}

std::string_view rehearsal_source() {
  return {isopop_rehearsal_begin,
          static_cast<std::size_t>(isopop_rehearsal_end - isopop_rehearsal_begin)};
}

}  // namespace isopop::executor
