#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/control.pb.h"

namespace isopop::control::cli {

// What a worker's folder says of how it is to be run, in worker.yaml. Everything in it is optional;
// a flag of `popctl deploy` beats it.
//
//   name: shop                       # default: the folder's
//   main: src/index.js
//   isolation: pristine              # pristine, fresh, warm, container, default
//   routes: ["shop.example/*"]
//   vars:
//     GREETING: hello                # a string in env
//     LIMITS: {json: '{"items": 3}'} # a value in env
//   limits: {cpu: 50 ms, wall: 30 s, top-level-cpu: 400 ms, heap: 128 MiB, memory: 256 MiB,
//            request-body: 100 MiB, subrequests: 50, log: 256 KiB, script: 10 MiB}
//   kv: {SESSIONS: shop-sessions}    # a KV namespace under a name in env
//   rollout:                         # how `popctl deploy` brings it to the PoPs; none: all at once
//     waves: {canary: 'AMS,FRA', eu: region=eu, all: all}
//     abort-on: [nack, 'error-rate>1%']
//     bake: 10 s                     # how long a wave is watched
//
// A folder without one may have a wrangler file instead (wrangler_config.h).
struct WorkerConfig {
  std::string file;  // its name: "worker.yaml"; empty: there is none
  std::string name;
  std::string main_module;
  std::vector<std::string> routes;
  v1::WorkerSettings settings;
  v1::RolloutPlan rollout;
  std::vector<std::string> unsupported;  // of a wrangler file, a sentence each
};

inline constexpr const char* kWorkerConfigName = "worker.yaml";

// Empty when `path` is a single file or a folder without one. INVALID_ARGUMENT names the file, the
// line, the key and what is wrong.
[[nodiscard]] Result<WorkerConfig> read_worker_config(const std::filesystem::path& path);

// "pristine" and so on; "default" and "" leave it to the PoPs.
[[nodiscard]] Result<v1::Isolation> parse_isolation(const std::string& name);

}  // namespace isopop::control::cli
