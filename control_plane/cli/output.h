#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "control_plane/cli/terminal.h"

namespace isopop::control::cli {

// What `-o` takes.
enum class OutputFormat { kTable, kWide, kJson, kNdjson, kYaml };

struct OutputStyle {
  OutputFormat format = OutputFormat::kTable;
  bool headers = true;  // of tables
};

// The data that a command was asked for, on standard output and nothing else there. Each command
// says it twice: for people (a table or text) and for programs (JSON, from which YAML is made).
class Output final {
 public:
  explicit Output(OutputStyle style = {}) : style_(style) {}

  // Many of one kind, as a JSON array; with ndjson one object a line.
  void list(const Table& table, const nlohmann::ordered_json& array) const;
  // One thing. `text` ends with a line break.
  void one(std::string_view text, const nlohmann::ordered_json& object) const;
  // One of a stream that has no end: json and ndjson one object a line, YAML one document each.
  void item(std::string_view text, const nlohmann::ordered_json& object) const;
  // The next state of something that changes: on a terminal it takes the place of the one before,
  // elsewhere it is an item.
  void frame(std::string_view text, const nlohmann::ordered_json& object) const;
  // Bytes, as they are.
  void raw(std::string_view bytes) const;

  // Whether it is people who read it: a table, or a wide one.
  [[nodiscard]] bool is_for_people() const;
  // False when whoever read standard output has closed it, as `head` does.
  [[nodiscard]] static bool has_reader();
  // A table in the style that was asked for, for texts that hold one.
  [[nodiscard]] std::string render(const Table& table) const;
  // Whether texts for people may have colours in them.
  [[nodiscard]] bool has_colour() const;

 private:
  OutputStyle style_;
};

}  // namespace isopop::control::cli
