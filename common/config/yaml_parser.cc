#include "common/config/yaml_parser.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>

namespace isopop {
namespace {

// Builds the tree from yaml-cpp's events; the first fault is kept and the rest of the events
// ignored.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::string_view name) : name_(name) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add(YamlValue{.kind = YamlValue::Kind::kNull, .line = line_of(mark)});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    fail(line_of(mark), "anchors and aliases (& and *) are not supported");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (expects_key()) {
      take_key(line_of(mark), value);
    } else {
      add(YamlValue{.kind = YamlValue::Kind::kScalar, .line = line_of(mark), .scalar = value});
    }
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    open(YamlValue{.kind = YamlValue::Kind::kList, .line = line_of(mark)});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    open(YamlValue{.kind = YamlValue::Kind::kMap, .line = line_of(mark)});
  }
  void OnMapEnd() override { close(); }

  Result<YamlValue> take() {
    if (error_) return *error_;
    return std::move(root_);
  }

 private:
  struct Frame {
    YamlValue value;
    std::optional<std::string> key;  // of a mapping: read, its value still to come
  };

  static int line_of(const YAML::Mark& mark) { return mark.line + 1; }

  void fail(int line, std::string_view what) {
    if (!error_) error_ = invalid_argument(fmt::format("{}:{}: {}", name_, line, what));
  }
  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) fail(line_of(mark), "anchors and aliases (& and *) are not supported");
  }
  // "?" is no tag, "!" a quoted scalar.
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") {
      fail(line_of(mark), fmt::format("tags ({}) are not supported", tag));
    }
  }

  [[nodiscard]] bool expects_key() const {
    return !open_.empty() && open_.back().value.kind == YamlValue::Kind::kMap && !open_.back().key;
  }
  void take_key(int line, const std::string& key) {
    const auto& entries = open_.back().value.map;
    const auto earlier = std::find_if(entries.begin(), entries.end(),
                                      [&key](const auto& entry) { return entry.first == key; });
    if (earlier != entries.end()) {
      fail(line, fmt::format("{}: given twice, first in line {}", key, earlier->second.line));
    }
    open_.back().key = key;
  }
  void open(YamlValue value) {
    if (expects_key()) {
      fail(value.line, "a key must be a plain word");
      open_.back().key = "";
    }
    open_.push_back(Frame{.value = std::move(value), .key = {}});
  }
  void close() {
    YamlValue value = std::move(open_.back().value);
    open_.pop_back();
    add(std::move(value));
  }
  void add(YamlValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& frame = open_.back();
    if (frame.value.kind == YamlValue::Kind::kList) {
      frame.value.list.push_back(std::move(value));
    } else if (frame.key) {
      frame.value.map.emplace_back(std::move(*frame.key), std::move(value));
      frame.key.reset();
    } else {
      fail(value.line, "a key must be a plain word");
      frame.key = "";
    }
  }

  std::string name_;
  std::optional<Error> error_;
  std::vector<Frame> open_;
  YamlValue root_;
};

// yaml-cpp reads control characters as if they were text; a binary file should be called one.
Result<void> check_is_text(std::string_view text, std::string_view name) {
  const auto bad = std::find_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') ||
           c == '\x7f';
  });
  if (bad == text.end()) return {};
  const auto line = std::count(text.begin(), bad, '\n') + 1;
  return invalid_argument(fmt::format("{}:{}: not a text file (byte 0x{:02x})", name, line,
                                      static_cast<unsigned char>(*bad)));
}

}  // namespace

Result<YamlValue> parse_yaml(std::string_view text, std::string_view name) {
  ISOPOP_TRY(check_is_text(text, name));
  TreeBuilder tree(name);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    parser.HandleNextDocument(tree);
    YamlValue value;
    ISOPOP_TRY_ASSIGN(value, tree.take());
    TreeBuilder second(name);
    if (parser.HandleNextDocument(second)) {
      return invalid_argument(
          fmt::format("{}:{}: more than one document (---) in the file", name, value.line));
    }
    return value;
  } catch (const YAML::Exception& exception) {
    const int line = exception.mark.is_null() ? 1 : exception.mark.line + 1;
    return invalid_argument(fmt::format("{}:{}: not valid YAML: {}", name, line, exception.msg));
  } catch (const std::exception& exception) {
    return invalid_argument(fmt::format("{}:1: not valid YAML: {}", name, exception.what()));
  }
}

}  // namespace isopop
