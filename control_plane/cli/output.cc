#include "control_plane/cli/output.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "control_plane/cli/yaml.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;

void write_out(std::string_view text) {
  // A reader that closed the pipe (head, less) has what it wanted.
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stdout));
  static_cast<void>(std::fflush(stdout));
}

// What is not UTF-8 is shown as U+FFFD.
std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace

void Output::list(const Table& table, const Json& array) const {
  switch (style_.format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      return write_out(render(table));
    case OutputFormat::kJson:
      return write_out(dump(array, 2));
    case OutputFormat::kNdjson: {
      std::string lines;
      for (const Json& item : array) lines += dump(item, -1);
      return write_out(lines);
    }
    case OutputFormat::kYaml:
      return write_out(to_yaml(array));
  }
}

void Output::one(std::string_view text, const Json& object) const {
  switch (style_.format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      return write_out(text);
    case OutputFormat::kJson:
      return write_out(dump(object, 2));
    case OutputFormat::kNdjson:
      return write_out(dump(object, -1));
    case OutputFormat::kYaml:
      return write_out(to_yaml(object));
  }
}

void Output::item(std::string_view text, const Json& object) const {
  switch (style_.format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      return write_out(text);
    case OutputFormat::kJson:
    case OutputFormat::kNdjson:
      return write_out(dump(object, -1));
    case OutputFormat::kYaml:
      return write_out("---\n" + to_yaml(object));
  }
}

void Output::frame(std::string_view text, const Json& object) const {
  // A terminal that is dumb cannot be cleared either, but one may be told to show no colour.
  const char* terminal = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe)
  const bool is_dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  if (is_for_people() && isatty(STDOUT_FILENO) == 1 && !is_dumb) write_out("\x1b[H\x1b[2J");
  item(text, object);
}

bool Output::has_reader() {
  return std::ferror(stdout) == 0;
}

void Output::raw(std::string_view bytes) const {
  write_out(bytes);
}

bool Output::is_for_people() const {
  return style_.format == OutputFormat::kTable || style_.format == OutputFormat::kWide;
}

std::string Output::render(const Table& table) const {
  return table.render({.wide = style_.format == OutputFormat::kWide, .headers = style_.headers});
}

bool Output::has_colour() const {
  return is_for_people() && may_colour(STDOUT_FILENO);
}

}  // namespace isopop::control::cli
