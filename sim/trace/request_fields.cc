#include "sim/trace/request_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "common/text/text.h"

namespace isopop::sim {
namespace {

constexpr std::size_t kMethodBytesMax = 24;  // the longest registered one has 17

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

void append_encoded(std::string& target, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7F) {
      target += c;
    } else {
      fmt::format_to(std::back_inserter(target), "%{:02X}", byte);
    }
  }
}

// Quoted for a message: short, and on one line whatever is in it.
std::string shown(std::string_view text) {
  std::string printable;
  for (const char c : truncate_utf8(text, 60)) {
    printable += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  }
  return printable;
}

}  // namespace

void RequestFields::clear() {
  time_ns = 0;
  for (std::string* text : {&client, &host, &target, &method, &city, &location}) text->clear();
}

Result<void> take_method(std::string_view text, RequestFields& fields) {
  const bool letters = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
  });
  if (text.empty() || text.size() > kMethodBytesMax || !letters) {
    return invalid_argument(fmt::format("'{}' is not a method", shown(text)));
  }
  if (text == "CONNECT") return invalid_argument("CONNECT asks for a tunnel, not for a path");
  fields.method = text;
  std::transform(fields.method.begin(), fields.method.end(), fields.method.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return {};
}

Result<void> take_target(std::string_view text, RelativePath relative, RequestFields& fields) {
  text = text.substr(0, text.find('#'));
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    text.remove_prefix(scheme.size());
    const std::size_t path = std::min(text.find_first_of("/?"), text.size());
    fields.host = to_lower(text.substr(0, path));
    text.remove_prefix(path);
    relative = RelativePath::kGetsSlash;
    break;
  }
  fields.target.clear();
  if (!text.starts_with('/')) {
    if (relative == RelativePath::kRefused) {
      return invalid_argument(fmt::format("'{}' is not a path", shown(text)));
    }
    fields.target = "/";
  }
  append_encoded(fields.target, text);
  return {};
}

Result<void> take_request_line(std::string_view text, RequestFields& fields) {
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) {
    return invalid_argument(fmt::format("'{}' is not a request line", shown(text)));
  }
  ISOPOP_TRY(take_method(text.substr(0, space), fields));
  std::string_view target = trim(text.substr(space + 1));
  // Paths with spaces in them occur; only the last word can be the version.
  if (const std::size_t last = target.rfind(' ');
      last != std::string_view::npos && target.substr(last + 1).starts_with("HTTP/")) {
    target = trim(target.substr(0, last));
  }
  return take_target(target, RelativePath::kRefused, fields);
}

std::string unescape_log_text(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      plain += text[i];
      continue;
    }
    ++i;
    if (text[i] == 'x' && i + 2 < text.size()) {
      const auto high = hex_digit(text[i + 1]);
      const auto low = hex_digit(text[i + 2]);
      if (high && low) {
        plain += static_cast<char>(*high * 16 + *low);
        i += 2;
        continue;
      }
    }
    plain += text[i] == 't' ? '\t' : text[i] == 'n' ? '\n' : text[i];
  }
  return plain;
}

}  // namespace isopop::sim
