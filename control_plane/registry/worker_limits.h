#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::control {

// The limits of a worker as people write them, "cpu: 50 ms", and as the contract carries them. One
// table says what each is called, in what it is counted and what is within reason; flags,
// worker.yaml, the control plane's check and `-o json` all go by it. A limit that is not set is the
// PoP's to choose.

// "cpu", "wall", "top-level-cpu", …: the keys in worker.yaml and of --limit.
[[nodiscard]] const std::vector<std::string>& limit_names();

// `limits` with one of them set from text: "50 ms", "256 MiB", "20". INVALID_ARGUMENT says what is
// wrong with the text, without the name; or that there is no such limit.
[[nodiscard]] Result<v1::WorkerLimits> with_limit(v1::WorkerLimits limits, std::string_view name,
                                                  std::string_view text);

// What is set is within reason, and they go together.
[[nodiscard]] Result<void> check_limits(const v1::WorkerLimits& limits);

// Those that are set, by their names in the contract: "cpu_ms", 50.
struct LimitValue {
  std::string field;
  std::uint64_t value = 0;
};
[[nodiscard]] std::vector<LimitValue> limits_set(const v1::WorkerLimits& limits);

}  // namespace isopop::control
