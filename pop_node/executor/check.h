#pragma once

#include <string_view>

#include "pop_node/executor/frames.h"
#include "pop_node/executor/last_words.h"
#include "pop_node/executor/realm.h"

namespace isopop::executor {

// isopop-executor --check: would this worker load? Reads a serialised isopop.v1.Bundle, compiles it
// and runs its top level under the limits, and prints the verdict as one JSON object:
//   {"ok":bool,"module":…,"line":…,"column":…,"message":…,"compile_us":…,"top_level_us":…}

// What is printed when the process must end in the middle.
[[nodiscard]] LastWords::Texts last_verdict(LastWords::Reason reason);

// The exit code: kExitDone, kExitInvalid, kExitUnexpected.
[[nodiscard]] int check_worker(const Surroundings& surroundings, Environment& environment,
                               std::string_view bundle_bytes);

}  // namespace isopop::executor
