#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "common/random/random.h"

namespace isopop::pop {

// How long a container takes to start, as the mode of that name has it: log-normal by its median,
// with a 99th percentile of `max`, and never outside of `min` and `max`.
struct ContainerStart {
  std::chrono::nanoseconds p50 = std::chrono::milliseconds(250);
  std::chrono::nanoseconds min = std::chrono::milliseconds(100);
  std::chrono::nanoseconds max = std::chrono::milliseconds(1000);
};
[[nodiscard]] std::chrono::nanoseconds draw(const ContainerStart& start, RandomStream& stream);

// The bounds that PoolPolicy keeps.
struct PoolLimits {
  // What the executors of the PoP may use together. A start waits until it fits; what is idle makes
  // room, what runs never has to.
  std::uint64_t memory_budget_bytes = 1024ULL * 1024 * 1024;
  // At least this is expected of an executor before one of its worker was measured; more when the
  // others use more. What a small worker's takes.
  std::uint64_t executor_bytes_expected = 1280ULL * 1024;
  // Processes, descriptors: the budget is what bounds executors in practice.
  std::size_t executors_max = 2048;
  // Requests of one worker at a time, beyond that they queue. Few: there are fewer cores than
  // that, and more would only take memory and time to switch between them.
  std::size_t executors_per_worker_max = 8;
  std::size_t shared_requests_max = 64;  // in flight in one executor that shares its environment
  std::size_t queue_max = 1024;          // waiting requests of the PoP
  std::size_t queue_per_worker_max = 512;
  // Generous: 330 PoPs that start their first executor at once on two cores need many seconds.
  std::chrono::nanoseconds queue_deadline = std::chrono::seconds(30);
  // Several times what a start costs (a fork, the worker's top level and a checkpoint: 1 to 2 ms),
  // and more than a burst of short requests waits for its turn in one executor: 32 requests of
  // 0.2 ms are through after 6 ms, and with a second executor they would share the same cores.
  std::chrono::nanoseconds grow_after = std::chrono::milliseconds(10);
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(60);
  ContainerStart container_start;
  std::chrono::nanoseconds container_idle_timeout = std::chrono::seconds(60);
  // After the first failure in a row to start, and after the second crash in a row; doubled each
  // time.
  std::chrono::nanoseconds backoff_min = std::chrono::milliseconds(200);
  std::chrono::nanoseconds backoff_max = std::chrono::seconds(30);
};

}  // namespace isopop::pop
