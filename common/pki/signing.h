#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/pki/openssl_handles.h"
#include "common/result/result.h"

namespace isopop::pki {

// Ed25519 signatures: the control plane signs what it made, PoPs check it. Both are immutable and
// thread-safe.

class SigningKey final {
 public:
  [[nodiscard]] static Result<SigningKey> generate();
  // From a PEM file; makes the key, and the file (mode 0600), when there is none.
  [[nodiscard]] static Result<SigningKey> load_or_create(const std::filesystem::path& path);

  // 64 bytes.
  [[nodiscard]] std::string sign(std::string_view bytes) const;
  // For VerifyKey::from_pem.
  [[nodiscard]] std::string public_pem() const;

 private:
  explicit SigningKey(Key key) : key_(std::move(key)) {}
  Key key_;
};

class VerifyKey final {
 public:
  // INVALID_ARGUMENT when it is not the public half of an Ed25519 key.
  [[nodiscard]] static Result<VerifyKey> from_pem(std::string_view pem);

  // Whether the holder of the private half signed exactly these bytes.
  [[nodiscard]] bool verify(std::string_view bytes, std::string_view signature) const;

 private:
  explicit VerifyKey(Key key) : key_(std::move(key)) {}
  Key key_;
};

}  // namespace isopop::pki
