#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "control_plane/cli/wrangler_value.h"
#include "control_plane/registry/names.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;
using Kind = WranglerValue::Kind;

constexpr int kDepthMax = 64;

// One pass over the text; what is no punctuation is left to the JSON library, token by token.
class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
  }

  Result<WranglerValue> document() {
    ISOPOP_TRY_ASSIGN(WranglerValue root, value(0));
    ISOPOP_TRY(skip_blank());
    if (at_ < text_.size()) return error(at_, "one value is all that a file may hold");
    return root;
  }

 private:
  Error error(std::size_t at, std::string_view what) const {
    const auto [line, column] = place(at);
    return invalid_argument(fmt::format("{}:{}:{}: {}", name_, line, column, what));
  }

  [[nodiscard]] std::pair<int, int> place(std::size_t at) const {
    const std::string_view before = text_.substr(0, at);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const std::size_t line_break = before.rfind('\n');
    const std::size_t column = line_break == std::string_view::npos ? at + 1 : at - line_break;
    return {static_cast<int>(line), static_cast<int>(column)};
  }

  Result<void> skip_blank() {
    while (at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_);
      if (rest.starts_with("//")) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (rest.starts_with("/*")) {
        const std::size_t end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos) return error(at_, "this comment has no end: add */");
        at_ = end + 2;
      } else if (std::string_view(" \t\r\n").find(rest.front()) != std::string_view::npos) {
        ++at_;
      } else {
        break;
      }
    }
    return {};
  }

  [[nodiscard]] bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Result<WranglerValue> value(int depth) {
    ISOPOP_TRY(skip_blank());
    if (at_ >= text_.size()) return error(at_, "a value is missing: the file ends here");
    if (depth > kDepthMax) return error(at_, "too many brackets within each other");
    WranglerValue parsed;
    std::tie(parsed.line, parsed.column) = place(at_);
    if (text_[at_] == '{') {
      parsed.kind = Kind::kMap;
      ISOPOP_TRY(members(parsed, depth));
    } else if (text_[at_] == '[') {
      parsed.kind = Kind::kList;
      ISOPOP_TRY(items(parsed, depth));
    } else if (text_[at_] == '"') {
      parsed.kind = Kind::kString;
      ISOPOP_TRY_ASSIGN(parsed.scalar, string());
    } else {
      ISOPOP_TRY_ASSIGN(parsed.scalar, word());
      parsed.kind = parsed.scalar.is_boolean()  ? Kind::kBool
                    : parsed.scalar.is_number() ? Kind::kNumber
                                                : Kind::kNull;
    }
    return parsed;
  }

  Result<void> members(WranglerValue& parsed, int depth) {
    const std::size_t begin = at_++;
    while (true) {
      ISOPOP_TRY(skip_blank());
      if (take('}')) return {};
      if (at_ >= text_.size()) return error(begin, "this { has no } that closes it");
      const std::size_t key_at = at_;
      if (text_[at_] != '"') return error(at_, "a key in double quotes belongs here");
      ISOPOP_TRY_ASSIGN(const Json key, string());
      const auto& name = key.get_ref<const std::string&>();
      if (parsed.find(name) != nullptr) {
        return error(key_at, fmt::format("key {} is here for the second time", in_quotes(name)));
      }
      ISOPOP_TRY(skip_blank());
      if (!take(':')) return error(at_, fmt::format("a colon belongs after {}", in_quotes(name)));
      ISOPOP_TRY_ASSIGN(WranglerValue member, value(depth + 1));
      parsed.map.emplace_back(name, std::move(member));
      ISOPOP_TRY(separator(begin, '}'));
    }
  }

  Result<void> items(WranglerValue& parsed, int depth) {
    const std::size_t begin = at_++;
    while (true) {
      ISOPOP_TRY(skip_blank());
      if (take(']')) return {};
      if (at_ >= text_.size()) return error(begin, "this [ has no ] that closes it");
      ISOPOP_TRY_ASSIGN(WranglerValue item, value(depth + 1));
      parsed.list.push_back(std::move(item));
      ISOPOP_TRY(separator(begin, ']'));
    }
  }

  // A comma, or the closing bracket, which is left where it is.
  Result<void> separator(std::size_t begin, char close) {
    ISOPOP_TRY(skip_blank());
    if (take(',')) return {};
    if (at_ < text_.size() && text_[at_] == close) return {};
    if (at_ >= text_.size()) {
      return error(begin, fmt::format("this {} has no {} that closes it", text_[begin], close));
    }
    return error(at_, fmt::format("a comma or {} belongs here", close));
  }

  Result<Json> string() {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n') {
      at_ += text_[at_] == '\\' ? 2 : 1;
    }
    if (at_ >= text_.size() || text_[at_] != '"') {
      return error(begin, "this text has no \" that ends it on its line");
    }
    ++at_;
    Json parsed = Json::parse(text_.substr(begin, at_ - begin), nullptr, false);
    if (!parsed.is_string()) {
      return error(begin,
                   "not a text of JSON: look for a bad \\ escape, a control character or "
                   "bytes that are not UTF-8");
    }
    return parsed;
  }

  Result<Json> word() {
    const std::size_t begin = at_;
    at_ = std::min(text_.find_first_of(" \t\r\n,:{}[]\"/", at_), text_.size());
    const std::string_view token = text_.substr(begin, at_ - begin);
    const Json parsed = Json::parse(token, nullptr, false);
    if (!token.empty() && (parsed.is_primitive() && !parsed.is_discarded())) return parsed;
    return error(begin, fmt::format("{} is no value of JSON; a text stands in double quotes",
                                    in_quotes(token.empty() ? text_.substr(begin, 1) : token)));
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
};

}  // namespace

const WranglerValue* WranglerValue::find(std::string_view key) const {
  const auto found =
      std::find_if(map.begin(), map.end(), [key](const auto& entry) { return entry.first == key; });
  return found == map.end() ? nullptr : &found->second;
}

Json WranglerValue::json() const {
  if (kind == Kind::kList) {
    Json array = Json::array();
    for (const WranglerValue& item : list) array.push_back(item.json());
    return array;
  }
  if (kind == Kind::kMap) {
    Json object = Json::object();
    for (const auto& [key, value] : map) object[key] = value.json();
    return object;
  }
  return scalar;
}

Result<WranglerValue> parse_jsonc(std::string_view text, const std::string& name) {
  return Parser(text, name).document();
}

}  // namespace isopop::control::cli
