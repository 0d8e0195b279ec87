#include "common/config/config_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "common/config/yaml_parser.h"
#include "common/text/text.h"
#include "common/units/units.h"

namespace isopop {

struct ConfigNode::Document {
  std::string name;
  YamlValue root;
};

namespace {

std::string_view describe(const YamlValue& value) {
  switch (value.kind) {
    case YamlValue::Kind::kNull:
      return "nothing";
    case YamlValue::Kind::kScalar:
      return "a plain value";
    case YamlValue::Kind::kList:
      return "a list";
    case YamlValue::Kind::kMap:
      return "a mapping";
  }
  return "something else";
}

template <typename T>
std::string describe(const ConfigNode::Range<T>& range) {
  const bool has_low = range.low != std::numeric_limits<T>::lowest();
  const bool has_high = range.high != std::numeric_limits<T>::max();
  if (has_low && has_high) return fmt::format("between {} and {}", range.low, range.high);
  return has_low ? fmt::format("{} or more", range.low) : fmt::format("{} or less", range.high);
}

Result<std::string> read_bounded(const std::string& path) {
  std::error_code status_error;
  const std::filesystem::file_status status = std::filesystem::status(path, status_error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return not_found(fmt::format("{}: no such file", path));
  }
  if (std::filesystem::is_directory(status)) {
    return invalid_argument(fmt::format("{}: is a folder, not a file", path));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return invalid_argument(fmt::format("{}: cannot be opened for reading", path));
  std::string text(ConfigNode::kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad()) return invalid_argument(fmt::format("{}: cannot be read", path));
  return text;
}

}  // namespace

Result<ConfigNode> ConfigNode::load(const std::string& path) {
  ISOPOP_TRY_ASSIGN(const std::string text, read_bounded(path));
  return parse(text, path);
}

Result<ConfigNode> ConfigNode::parse(std::string_view text, std::string_view name) {
  if (text.size() > kFileBytesMax) {
    return invalid_argument(
        fmt::format("{}:1: the file is larger than {}", name, format_bytes(kFileBytesMax)));
  }
  auto document = std::make_shared<Document>();
  document->name = std::string(name);
  ISOPOP_TRY_ASSIGN(document->root, parse_yaml(text, name));
  const YamlValue& root = document->root;
  return ConfigNode(std::move(document), root, "");
}

Error ConfigNode::error(std::string_view what) const {
  if (path_.empty())
    return invalid_argument(fmt::format("{}:{}: {}", document_->name, line(), what));
  return invalid_argument(fmt::format("{}:{}: {}: {}", document_->name, line(), path_, what));
}

int ConfigNode::line() const {
  return value_->line;
}

bool ConfigNode::is_scalar() const {
  return value_->kind == YamlValue::Kind::kScalar;
}

std::string ConfigNode::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

Result<void> ConfigNode::check_is_map() const {
  if (value_->kind == YamlValue::Kind::kMap || value_->kind == YamlValue::Kind::kNull) return {};
  return error(fmt::format("must be a mapping (key: value), not {}", describe(*value_)));
}

Result<void> ConfigNode::allow_only(const std::vector<std::string>& keys) const {
  ISOPOP_TRY(check_is_map());
  for (const auto& [key, value] : value_->map) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    const std::string meant = did_you_mean(key, keys);
    const ConfigNode entry(document_, value, path_of(key));
    if (!meant.empty()) return entry.error(fmt::format("unknown key; did you mean '{}'?", meant));
    return entry.error(fmt::format("unknown key; known here: {}", join(keys, ", ")));
  }
  return {};
}

Result<void> ConfigNode::allow_only(std::initializer_list<std::string_view> keys) const {
  return allow_only(std::vector<std::string>(keys.begin(), keys.end()));
}

std::optional<ConfigNode> ConfigNode::find(std::string_view key) const {
  for (const auto& [name, value] : value_->map) {
    if (name == key) return ConfigNode(document_, value, path_of(key));
  }
  return std::nullopt;
}

Result<ConfigNode> ConfigNode::at(std::string_view key) const {
  ISOPOP_TRY(check_is_map());
  if (std::optional<ConfigNode> node = find(key)) return *std::move(node);
  return ConfigNode(document_, *value_, path_of(key)).error("is required");
}

template <typename T, typename Read>
Result<T> ConfigNode::field_or(std::string_view key, T fallback, Read read) const {
  ISOPOP_TRY(check_is_map());
  const std::optional<ConfigNode> node = find(key);
  if (!node) return fallback;
  return read(*node);
}

Result<std::string> ConfigNode::string(std::string_view key) const {
  ISOPOP_TRY_ASSIGN(const ConfigNode node, at(key));
  return node.as_string();
}

Result<std::string> ConfigNode::string(std::string_view key, std::string fallback) const {
  return field_or(key, std::move(fallback),
                  [](const ConfigNode& node) { return node.as_string(); });
}

Result<std::string> ConfigNode::choice(std::string_view key,
                                       const std::vector<std::string>& words) const {
  ISOPOP_TRY_ASSIGN(const ConfigNode node, at(key));
  return node.as_choice(words);
}

Result<std::string> ConfigNode::choice(std::string_view key, const std::vector<std::string>& words,
                                       std::string fallback) const {
  return field_or(key, std::move(fallback),
                  [&words](const ConfigNode& node) { return node.as_choice(words); });
}

Result<std::int64_t> ConfigNode::integer(std::string_view key, IntegerRange range) const {
  ISOPOP_TRY_ASSIGN(const ConfigNode node, at(key));
  return node.as_integer(range);
}

Result<std::int64_t> ConfigNode::integer(std::string_view key, IntegerRange range,
                                         std::int64_t fallback) const {
  return field_or(key, fallback,
                  [&range](const ConfigNode& node) { return node.as_integer(range); });
}

Result<double> ConfigNode::number(std::string_view key, NumberRange range) const {
  ISOPOP_TRY_ASSIGN(const ConfigNode node, at(key));
  return node.as_number(range);
}

Result<double> ConfigNode::number(std::string_view key, NumberRange range, double fallback) const {
  return field_or(key, fallback,
                  [&range](const ConfigNode& node) { return node.as_number(range); });
}

Result<bool> ConfigNode::boolean(std::string_view key) const {
  ISOPOP_TRY_ASSIGN(const ConfigNode node, at(key));
  return node.as_boolean();
}

Result<bool> ConfigNode::boolean(std::string_view key, bool fallback) const {
  return field_or(key, fallback, [](const ConfigNode& node) { return node.as_boolean(); });
}

Result<std::chrono::nanoseconds> ConfigNode::duration(std::string_view key) const {
  ISOPOP_TRY_ASSIGN(const ConfigNode node, at(key));
  return node.as_duration();
}

Result<std::chrono::nanoseconds> ConfigNode::duration(std::string_view key,
                                                      std::chrono::nanoseconds fallback) const {
  return field_or(key, fallback, [](const ConfigNode& node) { return node.as_duration(); });
}

Result<std::uint64_t> ConfigNode::bytes(std::string_view key) const {
  ISOPOP_TRY_ASSIGN(const ConfigNode node, at(key));
  return node.as_bytes();
}

Result<std::uint64_t> ConfigNode::bytes(std::string_view key, std::uint64_t fallback) const {
  return field_or(key, fallback, [](const ConfigNode& node) { return node.as_bytes(); });
}

Result<GeoPoint> ConfigNode::place(std::string_view latitude_key,
                                   std::string_view longitude_key) const {
  GeoPoint point;
  ISOPOP_TRY_ASSIGN(point.latitude_deg, number(latitude_key, {.low = -90, .high = 90}));
  ISOPOP_TRY_ASSIGN(point.longitude_deg, number(longitude_key, {.low = -180, .high = 180}));
  return point;
}

Result<std::vector<ConfigNode>> ConfigNode::list(std::string_view key) const {
  ISOPOP_TRY_ASSIGN(const ConfigNode node, at(key));
  return node.as_list();
}

Result<std::string> ConfigNode::as_string() const {
  if (!is_scalar()) return error(fmt::format("must be a text, not {}", describe(*value_)));
  return value_->scalar;
}

Result<std::string> ConfigNode::as_choice(const std::vector<std::string>& words) const {
  ISOPOP_TRY_ASSIGN(const std::string word, as_string());
  if (std::find(words.begin(), words.end(), word) != words.end()) return word;
  return error(fmt::format("'{}' is not one of: {}", word, join(words, ", ")));
}

Result<std::int64_t> ConfigNode::as_integer(IntegerRange range) const {
  ISOPOP_TRY_ASSIGN(const std::string text, as_string());
  const std::optional<long long> number = parse_integer(text);
  if (!number) return error(fmt::format("'{}' is not a whole number", text));
  if (*number < range.low || *number > range.high) {
    return error(fmt::format("{} is out of range: must be {}", text, describe(range)));
  }
  return std::int64_t{*number};
}

Result<double> ConfigNode::as_number(NumberRange range) const {
  ISOPOP_TRY_ASSIGN(const std::string text, as_string());
  const std::optional<double> number = parse_double(text);
  if (!number) return error(fmt::format("'{}' is not a number", text));
  if (*number < range.low || *number > range.high) {
    return error(fmt::format("{} is out of range: must be {}", text, describe(range)));
  }
  return *number;
}

Result<bool> ConfigNode::as_boolean() const {
  ISOPOP_TRY_ASSIGN(const std::string text, as_string());
  if (text == "true") return true;
  if (text == "false") return false;
  return error(fmt::format("'{}' is neither true nor false", text));
}

Result<std::chrono::nanoseconds> ConfigNode::as_duration() const {
  ISOPOP_TRY_ASSIGN(const std::string text, as_string());
  const Result<std::chrono::nanoseconds> duration = parse_duration(text);
  if (!duration.ok()) return error(duration.error().message);
  return duration.value();
}

Result<std::uint64_t> ConfigNode::as_bytes() const {
  ISOPOP_TRY_ASSIGN(const std::string text, as_string());
  const Result<std::uint64_t> bytes = parse_bytes(text);
  if (!bytes.ok()) return error(bytes.error().message);
  return bytes.value();
}

Result<std::vector<ConfigNode>> ConfigNode::as_list() const {
  if (value_->kind != YamlValue::Kind::kList) {
    return error(fmt::format("must be a list, not {}", describe(*value_)));
  }
  std::vector<ConfigNode> nodes;
  nodes.reserve(value_->list.size());
  for (std::size_t i = 0; i < value_->list.size(); ++i) {
    nodes.push_back(ConfigNode(document_, value_->list[i], fmt::format("{}[{}]", path_, i)));
  }
  return nodes;
}

Result<std::vector<std::pair<std::string, ConfigNode>>> ConfigNode::as_map() const {
  ISOPOP_TRY(check_is_map());
  std::vector<std::pair<std::string, ConfigNode>> entries;
  entries.reserve(value_->map.size());
  for (const auto& [key, value] : value_->map) {
    entries.emplace_back(key, ConfigNode(document_, value, path_of(key)));
  }
  return entries;
}

}  // namespace isopop
