#include "control_plane/cli/kv_bulk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "control_plane/kv/kv_limits.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::json;
using Write = v1::KvWriteRequest::Write;

// RFC 4648, with its padding.
std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : (text.ends_with('=') ? 1 : 0);
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t group = 0;
    for (std::size_t j = i; j < i + 4; ++j) {
      const bool is_padding = j + padding >= text.size();
      const std::size_t digit = is_padding ? 0 : kDigits.find(text[j]);
      if (digit == std::string_view::npos) return std::nullopt;
      group = group << 6U | static_cast<std::uint32_t>(digit);
    }
    for (const unsigned shift : {16U, 8U, 0U}) {
      bytes.push_back(static_cast<char>(group >> shift & 0xffU));
    }
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

Result<void> read_times(const Json& entry, WallTime now, Write& write) {
  for (const char* name : {"expiration", "expiration_ttl"}) {
    if (!entry.contains(name)) continue;
    if (!entry[name].is_number_integer()) {
      return invalid_argument(fmt::format("{} must be a whole number of seconds", name));
    }
  }
  write.set_expires_at_s(entry.value("expiration", std::int64_t{0}));
  if (entry.contains("expiration_ttl")) {
    write.set_expires_at_s(to_unix_ms(now) / 1000 + entry["expiration_ttl"].get<std::int64_t>());
  }
  return {};
}

Result<Write> read_put(const Json& entry, WallTime now) {
  static constexpr std::array<std::string_view, 6> kNames = {
      "key", "value", "expiration", "expiration_ttl", "metadata", "base64"};
  if (!entry.is_object()) return invalid_argument("must be an object with key and value");
  for (const auto& [name, value] : entry.items()) {
    if (std::find(kNames.begin(), kNames.end(), name) != kNames.end()) continue;
    return invalid_argument(fmt::format("unknown field \"{}\"", name));
  }
  if (!entry.contains("key") || !entry["key"].is_string() || !entry.contains("value") ||
      !entry["value"].is_string()) {
    return invalid_argument("key and value must be texts");
  }
  Write write;
  write.set_key(entry["key"].get<std::string>());
  write.set_value(entry["value"].get<std::string>());
  if (entry.contains("base64") && !entry["base64"].is_boolean()) {
    return invalid_argument("base64 must be true or false");
  }
  if (entry.value("base64", false)) {
    std::optional<std::string> bytes = decode_base64(write.value());
    if (!bytes) return invalid_argument("the value is no base64");
    write.set_value(*std::move(bytes));
  }
  ISOPOP_TRY(read_times(entry, now, write));
  if (entry.contains("metadata") && !entry["metadata"].is_null()) {
    write.set_metadata(entry["metadata"].dump());
  }
  return write;
}

Result<Write> read_deletion(const Json& entry) {
  const Json& key = entry.is_object() && entry.contains("key") ? entry["key"] : entry;
  if (!key.is_string()) return invalid_argument("must be a key, or an object with one");
  Write write;
  write.set_key(key.get<std::string>());
  write.set_deleted(true);
  return write;
}

Result<Write> read_entry(const Json& entry, const BulkTerms& terms) {
  ISOPOP_TRY_ASSIGN(Write write, terms.kind == BulkKind::kPut ? read_put(entry, terms.now)
                                                              : read_deletion(entry));
  write.set_namespace_(terms.space);
  // So that nothing is written when a later one is wrong.
  v1::KvWriteRequest alone;
  *alone.add_writes() = write;
  ISOPOP_TRY(check_kv_writes(alone, terms.now));
  return write;
}

std::size_t bytes_of(const Write& write) {
  return write.key().size() + write.value().size() + write.metadata().size();
}

}  // namespace

Result<std::vector<v1::KvWriteRequest>> read_bulk(std::string_view text, const BulkTerms& terms) {
  const Json entries = Json::parse(text, nullptr, false);
  if (!entries.is_array()) return invalid_argument("must be a JSON array");
  if (entries.empty()) return invalid_argument("there are no keys in it");
  std::vector<v1::KvWriteRequest> requests;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    ISOPOP_TRY_ASSIGN(Write write,
                      read_entry(entries[i], terms).with_context(fmt::format("entry {}", i + 1)));
    const std::size_t more = bytes_of(write);
    if (requests.empty() || bytes + more > kKvWriteBytesMax ||
        static_cast<std::size_t>(requests.back().writes_size()) == kKvWritesMax) {
      requests.emplace_back();
      bytes = 0;
    }
    *requests.back().add_writes() = std::move(write);
    bytes += more;
  }
  return requests;
}

}  // namespace isopop::control::cli
