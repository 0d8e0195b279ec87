#include "sim/export/yaml_text.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

namespace isopop::sim {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20U;

// What is no ASCII and yet no text: other ends of lines (NEL, LS, PS), the mark of byte order and
// the rest of C1's control characters. As UTF-8, with what YAML writes for them.
struct OddCharacter {
  std::string_view utf8;
  std::string_view escape;
};
constexpr std::array kOddCharacters = {
    OddCharacter{"\xC2\x85", "\\u0085"},
    OddCharacter{"\xE2\x80\xA8", "\\u2028"},
    OddCharacter{"\xE2\x80\xA9", "\\u2029"},
    OddCharacter{"\xEF\xBB\xBF", "\\uFEFF"},
};

const OddCharacter* odd_character_at(std::string_view text) {
  for (const OddCharacter& odd : kOddCharacters) {
    if (text.starts_with(odd.utf8)) return &odd;
  }
  return nullptr;
}

bool is_control(unsigned char c) {
  constexpr unsigned char kDelete = 0x7F;
  return c < ' ' || c == kDelete;
}

}  // namespace

std::string yaml_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (const OddCharacter* odd = odd_character_at(text.substr(i)); odd != nullptr) {
      quoted += odd->escape;
      i += odd->utf8.size() - 1;
    } else if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (is_control(static_cast<unsigned char>(c))) {
      fmt::format_to(std::back_inserter(quoted), "\\x{:02X}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string yaml_quoted_for_compose(std::string_view text) {
  std::string doubled;
  for (const char c : text) {
    doubled += c;
    if (c == '$') doubled += c;
  }
  return yaml_quoted(doubled);
}

std::string compose_bytes(std::uint64_t bytes) {
  return bytes % kMiB == 0 ? fmt::format("{}m", bytes / kMiB) : fmt::format("{}b", bytes);
}

std::string kubernetes_bytes(std::uint64_t bytes) {
  return bytes % kMiB == 0 ? fmt::format("{}Mi", bytes / kMiB) : std::to_string(bytes);
}

std::string yaml_comment(std::string_view text) {
  std::string line;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (const OddCharacter* odd = odd_character_at(text.substr(i)); odd != nullptr) {
      line += ' ';
      i += odd->utf8.size() - 1;
    } else {
      line += is_control(static_cast<unsigned char>(text[i])) ? ' ' : text[i];
    }
  }
  return line;
}

}  // namespace isopop::sim
