#pragma once

#include <chrono>
#include <filesystem>

#include "common/event_loop/address.h"
#include "common/http/server.h"
#include "common/result/result.h"
#include "pop_node/main/options.h"
#include "pop_node/pool/executor_pool.h"
#include "pop_node/worker/live_worker.h"

namespace isopop::pop {

// The options with their units understood.
struct Settings {
  Endpoint listen;
  std::filesystem::path state;  // of all PoPs here
  WorkerDefaults defaults;
  ExecutorPoolOptions pool;
  http::ServerLimits server;
  std::chrono::nanoseconds control_rtt{};
};

// INVALID_ARGUMENT names the flag and what is wrong with it.
[[nodiscard]] Result<Settings> understand(const Options& options);

}  // namespace isopop::pop
