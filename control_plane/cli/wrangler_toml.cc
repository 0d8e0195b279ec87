#include <fmt/format.h>

// Errors as values.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "control_plane/cli/wrangler_value.h"

namespace isopop::control::cli {
namespace {

using Kind = WranglerValue::Kind;

template <typename Value>
std::string as_written(const Value& value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

WranglerValue convert(const toml::node& node) {
  WranglerValue value;
  value.line = static_cast<int>(std::max<toml::source_index>(node.source().begin.line, 1));
  value.column = static_cast<int>(std::max<toml::source_index>(node.source().begin.column, 1));
  if (const toml::table* table = node.as_table()) {
    value.kind = Kind::kMap;
    for (const auto& [key, item] : *table) {
      value.map.emplace_back(std::string(key.str()), convert(item));
    }
  } else if (const toml::array* array = node.as_array()) {
    value.kind = Kind::kList;
    for (const toml::node& item : *array) value.list.push_back(convert(item));
  } else if (const auto* text = node.as_string()) {
    value.kind = Kind::kString;
    value.scalar = text->get();
  } else if (const auto* flag = node.as_boolean()) {
    value.kind = Kind::kBool;
    value.scalar = flag->get();
  } else if (const auto* integer = node.as_integer()) {
    value.kind = Kind::kNumber;
    value.scalar = integer->get();
  } else if (const auto* number = node.as_floating_point()) {
    // JSON has no word for inf and nan.
    const bool is_number = std::isfinite(number->get());
    value.kind = is_number ? Kind::kNumber : Kind::kNull;
    if (is_number) value.scalar = number->get();
  } else if (const auto* date = node.as_date()) {
    value.kind = Kind::kString;
    value.scalar = as_written(date->get());
  } else if (const auto* time = node.as_time()) {
    value.kind = Kind::kString;
    value.scalar = as_written(time->get());
  } else if (const auto* moment = node.as_date_time()) {
    value.kind = Kind::kString;
    value.scalar = as_written(moment->get());
  }
  return value;
}

}  // namespace

Result<WranglerValue> parse_toml(std::string_view text, const std::string& name) {
  const toml::parse_result parsed = toml::parse(text);
  if (parsed) return convert(parsed.table());
  const toml::parse_error& error = parsed.error();
  return invalid_argument(fmt::format("{}:{}:{}: {}", name, error.source().begin.line,
                                      error.source().begin.column, error.description()));
}

}  // namespace isopop::control::cli
