#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/geo/geo_point.h"
#include "common/result/result.h"

namespace isopop {

struct YamlValue;

// A strict reader of YAML files. The schema is the code that reads: every value is asked for by
// key, type and range, and a mapping says which keys it knows, so that nothing in a file is
// silently ignored. Every error reads "file:line: key: what is wrong", the key with its path
// ("pops[3].lat"). Duplicate keys, anchors and aliases, several documents, files that are not text
// or too large are refused. The type is the reader's, not YAML's: `country: NO` read as a string is
// "NO".
//
//   ISOPOP_TRY_ASSIGN(const ConfigNode root, ConfigNode::load("world.yaml"));
//   ISOPOP_TRY(root.allow_only({"name", "seed", "timeout", "pops"}));
//   ISOPOP_TRY_ASSIGN(options.name, root.string("name"));                       // required
//   ISOPOP_TRY_ASSIGN(options.seed, root.integer("seed", {.low = 0}, 1));       // default 1
//   ISOPOP_TRY_ASSIGN(options.timeout, root.duration("timeout", 5s));
//   ISOPOP_TRY_ASSIGN(const auto pops, root.list("pops"));
//   for (const ConfigNode& pop : pops) { … pop.place("lat", "lon") … }
//
// A value of the parsed document, cheap to copy; keeps the document alive. Immutable.
class ConfigNode {
 public:
  template <typename T>
  struct Range {
    T low = std::numeric_limits<T>::lowest();
    T high = std::numeric_limits<T>::max();
  };
  using IntegerRange = Range<std::int64_t>;
  using NumberRange = Range<double>;

  // Larger files are refused before they are parsed.
  static constexpr std::size_t kFileBytesMax = std::size_t{4} << 20U;

  // kNotFound when there is no such file; kInvalidArgument for everything that is wrong inside.
  static Result<ConfigNode> load(const std::string& path);
  // `name` stands for the file in messages.
  static Result<ConfigNode> parse(std::string_view text, std::string_view name);

  // Refuses keys that are not in the list, with the one that was probably meant; and refuses
  // anything that is no mapping. An empty value counts as an empty mapping.
  [[nodiscard]] Result<void> allow_only(std::initializer_list<std::string_view> keys) const;
  [[nodiscard]] Result<void> allow_only(const std::vector<std::string>& keys) const;

  // Fields of a mapping. Without a default the key is required.
  [[nodiscard]] bool has(std::string_view key) const { return find(key).has_value(); }
  [[nodiscard]] std::optional<ConfigNode> find(std::string_view key) const;
  [[nodiscard]] Result<ConfigNode> at(std::string_view key) const;
  [[nodiscard]] Result<std::string> string(std::string_view key) const;
  [[nodiscard]] Result<std::string> string(std::string_view key, std::string fallback) const;
  // One of a few words.
  [[nodiscard]] Result<std::string> choice(std::string_view key,
                                           const std::vector<std::string>& words) const;
  [[nodiscard]] Result<std::string> choice(std::string_view key,
                                           const std::vector<std::string>& words,
                                           std::string fallback) const;
  [[nodiscard]] Result<std::int64_t> integer(std::string_view key, IntegerRange range) const;
  [[nodiscard]] Result<std::int64_t> integer(std::string_view key, IntegerRange range,
                                             std::int64_t fallback) const;
  [[nodiscard]] Result<double> number(std::string_view key, NumberRange range) const;
  [[nodiscard]] Result<double> number(std::string_view key, NumberRange range,
                                      double fallback) const;
  [[nodiscard]] Result<bool> boolean(std::string_view key) const;
  [[nodiscard]] Result<bool> boolean(std::string_view key, bool fallback) const;
  // With a unit: "50 ms".
  [[nodiscard]] Result<std::chrono::nanoseconds> duration(std::string_view key) const;
  [[nodiscard]] Result<std::chrono::nanoseconds> duration(std::string_view key,
                                                          std::chrono::nanoseconds fallback) const;
  // With a unit: "128 MiB".
  [[nodiscard]] Result<std::uint64_t> bytes(std::string_view key) const;
  [[nodiscard]] Result<std::uint64_t> bytes(std::string_view key, std::uint64_t fallback) const;
  // Two fields of this mapping, both required, in range.
  [[nodiscard]] Result<GeoPoint> place(std::string_view latitude_key,
                                       std::string_view longitude_key) const;
  // The entries of a list; an absent key is an error, an empty list is not.
  [[nodiscard]] Result<std::vector<ConfigNode>> list(std::string_view key) const;

  // This value itself, as for the entries of lists.
  [[nodiscard]] Result<std::string> as_string() const;
  [[nodiscard]] Result<std::string> as_choice(const std::vector<std::string>& words) const;
  [[nodiscard]] Result<std::int64_t> as_integer(IntegerRange range) const;
  [[nodiscard]] Result<double> as_number(NumberRange range) const;
  [[nodiscard]] Result<bool> as_boolean() const;
  [[nodiscard]] Result<std::chrono::nanoseconds> as_duration() const;
  [[nodiscard]] Result<std::uint64_t> as_bytes() const;
  [[nodiscard]] Result<std::vector<ConfigNode>> as_list() const;
  // All entries, in the file's order, for mappings whose keys are free.
  [[nodiscard]] Result<std::vector<std::pair<std::string, ConfigNode>>> as_map() const;

  // A plain value as it stands in the file, whatever its type; for readers that hand it on as a
  // flag.
  [[nodiscard]] bool is_scalar() const;

  // "file:line: key: what", for checks that the reader makes itself.
  [[nodiscard]] Error error(std::string_view what) const;
  [[nodiscard]] int line() const;  // from 1

 private:
  struct Document;

  ConfigNode(std::shared_ptr<const Document> document, const YamlValue& value, std::string path)
      : document_(std::move(document)), value_(&value), path_(std::move(path)) {}

  [[nodiscard]] std::string path_of(std::string_view key) const;
  [[nodiscard]] Result<void> check_is_map() const;
  // Reads the field by `read`; without such a field, the fallback.
  template <typename T, typename Read>
  [[nodiscard]] Result<T> field_or(std::string_view key, T fallback, Read read) const;

  std::shared_ptr<const Document> document_;
  const YamlValue* value_;  // in document_
  std::string path_;
};

}  // namespace isopop
