#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace isopop::control::cli {

// What people want of an audit entry's detail, on one line: "v1@90% v2@10%: too slow", "tag v1.4",
// "ci, role deployer". What is no object is shown as it is.
[[nodiscard]] std::string summary_of_audit(const nlohmann::ordered_json& detail);

}  // namespace isopop::control::cli
