#pragma once

#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "common/result/result.h"
#include "tests/bench/propagation/bench_network.h"

namespace isopop::test {

// The benchmark's parts. Each gives its figures with what they are to reach, in milliseconds, bytes
// or per second as the names say.
using Figures = Result<nlohmann::ordered_json>;

struct SectionOptions {
  std::size_t repetitions = 20;
  std::chrono::seconds rate_duration{60};
  std::size_t workers = 1'000;  // of the section memory
  std::size_t subscribers = 10'000;
  std::chrono::seconds kv_duration{5};
};

// On a network that runs.
[[nodiscard]] Figures measure_deploys(BenchNetwork& network, std::size_t bytes,
                                      std::size_t repetitions);
[[nodiscard]] Figures measure_rate(BenchNetwork& network, const SectionOptions& options);
[[nodiscard]] Figures measure_restart(BenchNetwork& network);
[[nodiscard]] Figures measure_memory(BenchNetwork& network, const SectionOptions& options);
[[nodiscard]] Figures measure_kv_readers(BenchNetwork& network);
[[nodiscard]] Figures measure_kv_writes(BenchNetwork& network, const SectionOptions& options);

// On a control plane of its own.
[[nodiscard]] Figures measure_subscribers(const SectionOptions& options);

}  // namespace isopop::test
