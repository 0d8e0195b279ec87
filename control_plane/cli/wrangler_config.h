#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "control_plane/cli/worker_config.h"
#include "control_plane/cli/wrangler_value.h"

namespace isopop::control::cli {

// A worker's folder as Cloudflare's wrangler knows it. Understood: name, main, vars, kv_namespaces
// (the id is the namespace's name here), route and routes, limits. Everything else that would
// change what the worker does is told, one sentence each, in WorkerConfig::unsupported; what is
// only between wrangler and an account is passed over.

// The first of wrangler.json, wrangler.jsonc and wrangler.toml in the folder, as wrangler chooses;
// empty: there is none.
[[nodiscard]] std::filesystem::path find_wrangler_file(const std::filesystem::path& folder);

// INVALID_ARGUMENT: "wrangler.toml:3:8: what is wrong", and what to do where that is not plain.
[[nodiscard]] Result<WorkerConfig> read_wrangler_file(const std::filesystem::path& file);

// The same of what was read already. `name` is the file's, for messages.
[[nodiscard]] Result<WorkerConfig> wrangler_config(const WranglerValue& root,
                                                   const std::string& name);

}  // namespace isopop::control::cli
