#pragma once

#include "common/result/result.h"
#include "tests/bench/executor/section.h"

namespace isopop::test {

// Sections about executors behind a whole PoP, over HTTP on loopback.

// As many requests as it answers, by mode, with 32 connections and with one.
[[nodiscard]] Result<SectionReport> run_pop_load(const BenchRun& run);

// Many workers, each called for the first time, and again.
[[nodiscard]] Result<SectionReport> run_pop_first_requests(const BenchRun& run);

// A thousand workers within a budget of memory.
[[nodiscard]] Result<SectionReport> run_pop_budget(const BenchRun& run);

// Cold starts of the container mode, beside pristine's.
[[nodiscard]] Result<SectionReport> run_pop_containers(const BenchRun& run);

}  // namespace isopop::test
