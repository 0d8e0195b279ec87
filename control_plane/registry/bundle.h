#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::control {

// The code and settings of a worker as they are accepted from outside. Pure functions: what popctl
// refuses before an upload and what the control plane refuses after one follow the same rules.

struct BundleLimits {
  std::uint64_t code_bytes_max = 10ULL << 20U;  // all modules together
  std::size_t modules_max = 512;
  std::size_t module_name_bytes_max = 256;
};

// Room for names and framing beyond the code itself.
inline constexpr std::uint64_t kBundleOverheadBytesMax = 1ULL << 20U;

// A bundle that keeps every rule, in the one serialisation that its SHA-256 names.
struct CanonicalBundle {
  std::string bytes;   // a serialised v1::Bundle, modules sorted by name
  std::string sha256;  // lower-case hexadecimal
};

// INVALID_ARGUMENT names the module and what is wrong with it.
[[nodiscard]] Result<CanonicalBundle> canonical_bundle(const v1::Bundle& bundle,
                                                       const BundleLimits& limits);
// The same from bytes that may be anything.
[[nodiscard]] Result<CanonicalBundle> canonical_bundle(std::string_view serialised,
                                                       const BundleLimits& limits);

// "lib/greet.js": relative, '/' between parts, no empty part, no "." or "..", no control
// characters.
[[nodiscard]] Result<void> check_module_name(std::string_view name, const BundleLimits& limits);

// Variables and KV bindings have JavaScript property names, each once, and JSON variables parse.
// Limits are in range. Whether the namespaces are there is another's question.
[[nodiscard]] Result<void> check_settings(const v1::WorkerSettings& settings);

// `limits` as the worker's own settings have them: its script limit takes the place of the default.
[[nodiscard]] BundleLimits limits_for(const v1::WorkerSettings& settings, BundleLimits limits);

// Equal settings give equal bytes.
[[nodiscard]] std::string canonical_settings(const v1::WorkerSettings& settings);

}  // namespace isopop::control
