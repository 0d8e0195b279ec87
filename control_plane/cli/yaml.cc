#include "control_plane/cli/yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "common/text/text.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kIndent = 2;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Words that YAML 1.1 or 1.2 reads as something else than text.
bool is_reserved(std::string_view text) {
  constexpr std::array<std::string_view, 9> kWords = {"true", "false", "null", "yes", "no",
                                                      "on",   "off",   "y",    "n"};
  const std::string lower = to_lower(text);
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

bool is_plain(std::string_view text) {
  if (text.empty() || !is_letter(text.front()) || is_reserved(text)) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == '/';
  });
}

// In double quotes; JSON's escapes are YAML's too, but JSON leaves bare what YAML calls not
// printable: DEL, the C1 controls, the byte order mark and the noncharacters U+FFFE and U+FFFF.
std::string quoted(const std::string& text) {
  const std::string json = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string yaml;
  yaml.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto byte = [&json, i](std::size_t ahead) {
      return i + ahead < json.size() ? static_cast<unsigned char>(json[i + ahead]) : 0U;
    };
    if (byte(0) == 0x7FU) {
      yaml += "\\x7F";
    } else if (byte(0) == 0xC2U && byte(1) < 0xA0U) {
      yaml += fmt::format("\\x{:02X}", byte(1));
      i += 1;
    } else if (byte(0) == 0xEFU && byte(1) == 0xBBU && byte(2) == 0xBFU) {
      yaml += "\\uFEFF";
      i += 2;
    } else if (byte(0) == 0xEFU && byte(1) == 0xBFU && byte(2) >= 0xBEU) {
      yaml += fmt::format("\\uFF{:02X}", byte(2) + 0x40U);
      i += 2;
    } else {
      yaml += json[i];
    }
  }
  return yaml;
}

std::string scalar(const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return is_plain(text) ? text : quoted(text);
  }
  if (value.is_array()) return "[]";
  if (value.is_object()) return "{}";
  return value.dump();
}

bool is_block(const Json& value) {
  return value.is_structured() && !value.empty();
}

enum class Line { kFresh, kBegun };

// With kBegun the first line has its indentation, and "- ", already.
void write(const Json& value, std::size_t indent, Line line, std::string& yaml) {
  if (!is_block(value)) {
    yaml += scalar(value) + '\n';
    return;
  }
  for (const auto& [key, item] : value.items()) {
    if (std::exchange(line, Line::kFresh) == Line::kFresh) yaml.append(indent, ' ');
    if (value.is_array()) {
      yaml += "- ";
      write(item, indent + kIndent, Line::kBegun, yaml);
      continue;
    }
    yaml += is_plain(key) ? key : quoted(key);
    yaml += is_block(item) ? ":\n" : ": ";
    write(item, indent + kIndent, Line::kFresh, yaml);
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  std::string yaml;
  write(value, 0, Line::kFresh, yaml);
  return yaml;
}

}  // namespace isopop::control::cli
