#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "isopop/v1/kv.pb.h"

namespace isopop::control {

// What may stand in a namespace. All of it comes from outside; the figures are those of
// Cloudflare's Workers KV. Pure functions.

inline constexpr std::size_t kKvNamespaceNameBytesMax = 64;
inline constexpr std::size_t kKvKeyBytesMax = 512;
inline constexpr std::size_t kKvValueBytesMax = std::size_t{25} << 20U;
inline constexpr std::size_t kKvMetadataBytesMax = 1024;
inline constexpr std::chrono::seconds kKvExpirationMin{60};
// A write takes a while from the worker that reckoned its expiration to here.
inline constexpr std::chrono::seconds kKvExpirationSlack{10};
inline constexpr std::size_t kKvWritesMax = 10'000;  // of one request
inline constexpr std::size_t kKvWriteBytesMax = std::size_t{26} << 20U;
inline constexpr std::uint32_t kKvListMax = 1'000;

[[nodiscard]] Result<void> check_kv_namespace_name(std::string_view name);
[[nodiscard]] Result<void> check_kv_key(std::string_view key);
// INVALID_ARGUMENT names the key and what is wrong with it.
[[nodiscard]] Result<void> check_kv_writes(const v1::KvWriteRequest& request, WallTime now);
// Bytes of keys, values and metadata.
[[nodiscard]] std::size_t kv_bytes_of(const v1::KvWriteRequest& request);

}  // namespace isopop::control
