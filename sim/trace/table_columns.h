#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "sim/trace/request_fields.h"

namespace isopop::sim {

// What a column of a table, or a key of a JSON object, stands for. docs/traces.md lists the names.
enum class TableColumn {
  kTime,
  kClient,
  kMethod,
  kHost,
  kTarget,
  kRequestLine,
  kCity,
  kLatitude,
  kLongitude,
};
inline constexpr std::size_t kTableColumns = 9;

// By name, without regard to case, '_', '-', '@' and spaces; nothing for a column nobody needs,
// such as status and bytes.
[[nodiscard]] std::optional<TableColumn> table_column(std::string_view name);

// The values of one row, by column; absent ones are empty.
using TableRow = std::array<std::string_view, kTableColumns>;

// Turns a row into a request. Only the time must be there: the path is "/" and the method GET if
// nothing is said.
[[nodiscard]] Result<void> take_row(const TableRow& row, RequestFields& fields);

// Which column of a file with a header row is which.
class TableColumns final {
 public:
  // INVALID_ARGUMENT when there is no column for the time, or none that says anything else, or two
  // for the same thing.
  [[nodiscard]] static Result<TableColumns> find(const std::vector<std::string>& names);

  [[nodiscard]] std::optional<std::size_t> index(TableColumn column) const {
    return indices_.at(static_cast<std::size_t>(column));
  }

 private:
  std::array<std::optional<std::size_t>, kTableColumns> indices_;
};

}  // namespace isopop::sim
