#include "control_plane/kv/kv_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/units/units.h"
#include "control_plane/registry/names.h"

namespace isopop::control {
namespace {

Result<void> check_write(const v1::KvWriteRequest::Write& write, WallTime now) {
  ISOPOP_TRY(check_kv_namespace_name(write.namespace_()));
  ISOPOP_TRY(check_kv_key(write.key()));
  const auto refuse = [&write](const std::string& why) {
    return invalid_argument(fmt::format("key {}: {}", in_quotes(write.key()), why));
  };
  if (write.deleted()) {
    if (write.value().empty() && write.metadata().empty() && write.expires_at_s() == 0) return {};
    return refuse("a deletion has no value, metadata or expiration");
  }
  if (write.value().size() > kKvValueBytesMax) {
    return refuse(fmt::format("the value is {}; at most {} are allowed",
                              format_bytes(write.value().size()), format_bytes(kKvValueBytesMax)));
  }
  if (write.metadata().size() > kKvMetadataBytesMax) {
    return refuse(fmt::format("the metadata has {} bytes; at most {} are allowed",
                              write.metadata().size(), kKvMetadataBytesMax));
  }
  if (!write.metadata().empty() && !nlohmann::json::accept(write.metadata())) {
    return refuse("the metadata is not valid JSON");
  }
  if (write.expires_at_s() == 0) return {};
  const auto earliest = now + kKvExpirationMin - kKvExpirationSlack;
  if (write.expires_at_s() < 0 || write.expires_at_s() > std::int64_t{1} << 40U ||
      write.expires_at_s() < to_unix_ms(earliest) / 1000) {
    return refuse(fmt::format("the expiration must lie {} s ahead or more",
                              std::chrono::seconds(kKvExpirationMin).count()));
  }
  return {};
}

}  // namespace

Result<void> check_kv_namespace_name(std::string_view name) {
  const auto is_letter_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  if (!name.empty() && name.size() <= kKvNamespaceNameBytesMax &&
      is_letter_or_digit(name.front()) && std::all_of(name.begin(), name.end(), [&](char c) {
        return is_letter_or_digit(c) || c == '-' || c == '_';
      })) {
    return {};
  }
  return invalid_argument(
      fmt::format("namespace {}: the name must be 1 to {} of a-z, 0-9, '-', '_', beginning with a "
                  "letter or digit",
                  in_quotes(name), kKvNamespaceNameBytesMax));
}

Result<void> check_kv_key(std::string_view key) {
  if (key.empty()) return invalid_argument("the key is empty");
  if (key.size() > kKvKeyBytesMax) {
    return invalid_argument(
        fmt::format("the key has {} bytes; at most {} are allowed", key.size(), kKvKeyBytesMax));
  }
  if (key == "." || key == "..") return invalid_argument(R"(a key must not be "." or "..")");
  return {};
}

Result<void> check_kv_writes(const v1::KvWriteRequest& request, WallTime now) {
  if (request.writes().empty()) return invalid_argument("there is nothing to write");
  if (static_cast<std::size_t>(request.writes_size()) > kKvWritesMax) {
    return invalid_argument(fmt::format("{} writes at once; at most {} are allowed",
                                        request.writes_size(), kKvWritesMax));
  }
  if (kv_bytes_of(request) > kKvWriteBytesMax) {
    return invalid_argument(fmt::format("{} at once; at most {} are allowed",
                                        format_bytes(kv_bytes_of(request)),
                                        format_bytes(kKvWriteBytesMax)));
  }
  for (const v1::KvWriteRequest::Write& write : request.writes()) {
    ISOPOP_TRY(check_write(write, now));
  }
  return {};
}

std::size_t kv_bytes_of(const v1::KvWriteRequest& request) {
  std::size_t bytes = 0;
  for (const v1::KvWriteRequest::Write& write : request.writes()) {
    bytes += write.key().size() + write.value().size() + write.metadata().size();
  }
  return bytes;
}

}  // namespace isopop::control
