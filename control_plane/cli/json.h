#pragma once

#include <nlohmann/json.hpp>

#include "isopop/v1/control.pb.h"

namespace isopop::control::cli {

// The shapes of `-o json`. Part of popctl's interface: fields are added, never renamed.
[[nodiscard]] nlohmann::ordered_json to_json(const v1::WorkerVersion& version);
[[nodiscard]] nlohmann::ordered_json to_json(const v1::Pop& pop);
// RFC 3339, or null for 0: a moment that has not come.
[[nodiscard]] nlohmann::ordered_json time_or_null(std::int64_t unix_ms);
// What executors are confined by, measure by measure: at how many PoPs, and why not at the others.
[[nodiscard]] nlohmann::ordered_json sandbox_of_all(const v1::ListPopsResponse& pops);
[[nodiscard]] nlohmann::ordered_json to_json(const v1::VersionProgress& progress);

// "drained", "failed"; "" for one that takes clients.
[[nodiscard]] std::string service_name(v1::PopService service);
// "ready" and so on.
[[nodiscard]] std::string state_name(v1::PopState state);
// "fresh" and so on; "default" when the PoP decides.
[[nodiscard]] std::string isolation_name(v1::Isolation isolation);

}  // namespace isopop::control::cli
