#pragma once

#include "common/result/result.h"
#include "tests/bench/executor/section.h"

namespace isopop::test {

// Sections about executors alone, each a fork of a real zygote, asked over their own socket.

// One request at a time, in the modes pristine, warm and fresh. The modes take turns, so that a
// busy machine hits all of them alike.
[[nodiscard]] Result<SectionReport> run_requests(const BenchRun& run);

// From the order of a fork to the answer in hand, and the steps on the way.
[[nodiscard]] Result<SectionReport> run_first_requests(const BenchRun& run);

// What one executor more takes.
[[nodiscard]] Result<SectionReport> run_memory(const BenchRun& run);

// Many requests in one pristine executor: the last ones against the first.
[[nodiscard]] Result<SectionReport> run_flatness(const BenchRun& run);

}  // namespace isopop::test
