#pragma once

#include <nlohmann/json.hpp>
#include <vector>

namespace isopop::test {

// p50, p99, max and how many, of values in any unit; nearest rank.
[[nodiscard]] nlohmann::ordered_json summary(std::vector<double> values);

}  // namespace isopop::test
