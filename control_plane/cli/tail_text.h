#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::control::cli {

// What `popctl tail` lets through, as people say it. Lists may be repeated or separated by commas.
struct TailFilterOptions {
  std::vector<std::string> pops;
  std::string region;
  std::vector<std::string> statuses;  // "ok", "error", "canceled", "404", "5xx"
  std::vector<std::string> methods;
  std::string search;
  std::string sampling_rate;  // "0.1" or "10%"; empty: all
};

// INVALID_ARGUMENT says which flag is wrong and what it takes.
[[nodiscard]] Result<v1::TailFilter> filter_of(const TailFilterOptions& options);

enum class Paint { kPlain, kColours };

// A request and, below it, what its worker logged and threw. Control characters that came from
// outside are shown as U+FFFD: what a worker logs must not steer the reader's terminal.
[[nodiscard]] std::string describe(const v1::TailEvent& event, Paint paint);
[[nodiscard]] nlohmann::ordered_json to_json(const v1::TailEvent& event);

// Text from outside for a terminal: line breaks and tabs stay.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace isopop::control::cli
