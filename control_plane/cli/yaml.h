#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace isopop::control::cli {

// A JSON value as a YAML 1.2 document in block style, ending with a line break. A text is written
// plain only where no reader can take it for something else (true, null, a number, a date).
[[nodiscard]] std::string to_yaml(const nlohmann::ordered_json& value);

}  // namespace isopop::control::cli
