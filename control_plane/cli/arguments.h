#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/control.pb.h"

namespace isopop::control::cli {

// What people write after a command, understood. Every error is INVALID_ARGUMENT and says how it is
// to be written.

// "NAME=VALUE"; the value may be empty and hold more '='.
struct Pair {
  std::string name;
  std::string value;
};
[[nodiscard]] Result<Pair> parse_pair(std::string_view flag, const std::string& given);

// "v3", "V3" or "3".
[[nodiscard]] Result<std::uint64_t> parse_version(std::string_view text);

// "V1@90", "V2@10", in percent with up to two decimals. One of them may do without and gets the
// rest; alone it gets everything. Together they are 100 %. Heaviest first.
[[nodiscard]] Result<std::vector<v1::VersionShare>> parse_shares(
    const std::vector<std::string>& given);

// "header:NAME" or "client".
[[nodiscard]] Result<v1::Stickiness> parse_stickiness(const std::string& text);

// How many PoPs must have it before a command returns.
struct WaitGoal {
  double ratio = 1.0;  // 0 < ratio <= 1

  // Of `pops`; at least one of them where there is any.
  [[nodiscard]] std::uint64_t needed(std::uint64_t pops) const;
};
// "all", "quorum" (more than half) or "95%".
[[nodiscard]] Result<WaitGoal> parse_wait_goal(const std::string& text);

// As above, the way back: "v3", "v2@90% v3@10%"; "header:NAME", "client" or "".
[[nodiscard]] std::string format_shares(const v1::Deployment& deployment);
[[nodiscard]] std::string format_stickiness(const v1::Stickiness& stickiness);

}  // namespace isopop::control::cli
