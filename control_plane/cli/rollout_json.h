#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "isopop/v1/control.pb.h"
#include "isopop/v1/rollout.pb.h"

namespace isopop::control::cli {

// The shapes of `-o json` for what brings versions to PoPs, as in json.h.
[[nodiscard]] nlohmann::ordered_json to_json(const v1::Deployment& deployment);
[[nodiscard]] nlohmann::ordered_json to_json(const v1::Rollout& rollout);
[[nodiscard]] nlohmann::ordered_json to_json(const v1::Convergence& convergence);

// "rolling-out", "live" and so on.
[[nodiscard]] std::string state_name(v1::DeploymentState state);

}  // namespace isopop::control::cli
