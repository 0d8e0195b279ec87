#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "common/result/result.h"

namespace isopop::test {

// Load by wrk, the program that other runtimes were measured with: as many requests as are
// answered, over so many kept-alive connections.
struct HttpLoad {
  std::string address;
  std::string host;
  int connections = 1;
  std::chrono::seconds duration{1};
};

struct HttpLoadFigures {
  double requests = 0;
  double requests_per_s = 0;
  double latency_p50_ms = 0;
  double latency_p99_ms = 0;
  std::size_t errors = 0;  // answers that are no 2xx or 3xx, broken connections, time-outs
  double own_processor_time_us = 0;
};

// Where it is on PATH.
[[nodiscard]] std::optional<std::filesystem::path> find_wrk();
// One thread of it.
[[nodiscard]] Result<HttpLoadFigures> run_wrk(const std::filesystem::path& wrk,
                                              const HttpLoad& load);

}  // namespace isopop::test
