#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "common/result/result.h"

namespace isopop::test {

// What containers cost that do nothing: as many services as a network has, in the same kind of
// network and with the same restrictions, but all that runs in each is `sleep`. Brought up and
// taken down again; the figures are up_s, memory_bytes_each, down_s.
[[nodiscard]] Result<nlohmann::ordered_json> measure_empty_containers(std::size_t containers,
                                                                      const std::string& image);

}  // namespace isopop::test
