#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "isopop/v1/kv.pb.h"

namespace isopop::control::cli {

// Files of `popctl kv bulk`, as wrangler has them.
//
//   put     [{"key": "a", "value": "1", "expiration": …, "expiration_ttl": …, "metadata": {…},
//             "base64": true}]
//   delete  ["a", "b"], or objects with a "key"

enum class BulkKind { kPut, kDelete };

struct BulkTerms {
  std::string space;
  BulkKind kind = BulkKind::kPut;
  WallTime now;  // what a time to live counts from
};

// As many requests as it takes: each may hold 10,000 keys and 26 MiB, and is written whole or not
// at all. INVALID_ARGUMENT says which entry is wrong, counted from 1.
[[nodiscard]] Result<std::vector<v1::KvWriteRequest>> read_bulk(std::string_view text,
                                                                const BulkTerms& terms);

}  // namespace isopop::control::cli
