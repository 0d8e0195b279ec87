#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "common/result/result.h"

namespace isopop::pki {

// A key that keeps values secret where they lie (AES-256-GCM): who has only the sealed bytes learns
// their length, and can neither read nor change them. Immutable, thread-safe. Each sealing draws a
// nonce of 96 random bits, good for 2^32 sealings a key (NIST SP 800-38D).
class SealKey final {
 public:
  [[nodiscard]] static SealKey generate();
  // From a file with 64 hexadecimal digits; makes the key, and the file (mode 0600), when there is
  // none.
  [[nodiscard]] static Result<SealKey> load_or_create(const std::filesystem::path& path);

  // `associated` is not in the sealed bytes but must be said again to open them: what the value
  // belongs to, so that one cannot be put in another's place.
  [[nodiscard]] std::string seal(std::string_view plain, std::string_view associated) const;
  // DATA_LOSS: damaged, of another key, or of something else than `associated`.
  [[nodiscard]] Result<std::string> open(std::string_view sealed,
                                         std::string_view associated) const;

 private:
  static constexpr std::size_t kKeyBytes = 32;
  using Raw = std::array<unsigned char, kKeyBytes>;
  explicit SealKey(const Raw& key) : key_(key) {}

  Raw key_;
};

}  // namespace isopop::pki
