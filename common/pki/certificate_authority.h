#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/pki/identity.h"
#include "common/pki/openssl_handles.h"
#include "common/result/result.h"
#include "common/time/clock.h"

namespace isopop::pki {

// X.509 with ECDSA P-256 keys: a private authority, and what those need who want a certificate of
// it. Certificates begin to be good five minutes before they are made, for clocks that are behind.

// A program's own key and the request for a certificate for it.
class CertificateKey final {
 public:
  [[nodiscard]] static CertificateKey generate();
  // From a PEM file; makes the key, and the file (mode 0600), when there is none.
  [[nodiscard]] static Result<CertificateKey> load_or_create(const std::filesystem::path& path);
  // INVALID_ARGUMENT when it is no P-256 key.
  [[nodiscard]] static Result<CertificateKey> from_pem(std::string_view pem);

  // PKCS #10, PEM. `names`: DNS names and IP addresses that a relay wants to serve under.
  [[nodiscard]] std::string request(const std::vector<std::string>& names = {}) const;
  [[nodiscard]] std::string pem() const;
  // Whether the certificate is for this key.
  [[nodiscard]] bool is_of(std::string_view certificate_pem) const;

 private:
  explicit CertificateKey(Key key) : key_(std::move(key)) {}
  Key key_;
};

// What a certificate says.
struct CertificateFacts {
  std::optional<ProgramIdentity> identity;
  std::vector<std::string> names;  // DNS names and IP addresses
  WallTime not_before;
  WallTime not_after;
};
// Of the first one in the text.
[[nodiscard]] Result<CertificateFacts> read_certificate(std::string_view pem);
// NOT_FOUND: it names none.
[[nodiscard]] Result<ProgramIdentity> identity_of(std::string_view certificate_pem);

// What a certificate shall say.
struct Subject {
  ProgramIdentity identity;
  std::vector<std::string> names;  // that a server is called by
};
struct Validity {
  WallTime now;
  std::chrono::seconds lifetime;
};

// Immutable, thread-safe.
class CertificateAuthority final {
 public:
  static constexpr std::chrono::hours kLifetime{24 * 365 * 10};

  [[nodiscard]] static CertificateAuthority create(WallTime now);
  // INVALID_ARGUMENT: one of the texts is damaged, or they do not belong together.
  [[nodiscard]] static Result<CertificateAuthority> load(std::string_view certificate_pem,
                                                         std::string_view key_pem);

  [[nodiscard]] std::string certificate_pem() const;
  [[nodiscard]] std::string key_pem() const;

  // For the key in the request, whose holder has signed it; nothing else in it counts, but for
  // requested_names() where the caller passes them on. INVALID_ARGUMENT: no sound request of a
  // P-256 key, or a name that is none. Never good for longer than the authority itself.
  [[nodiscard]] Result<std::string> issue(std::string_view request_pem, const Subject& subject,
                                          const Validity& validity) const;

 private:
  CertificateAuthority(Key key, Certificate certificate)
      : key_(std::move(key)), certificate_(std::move(certificate)) {}

  Key key_;
  Certificate certificate_;
};

// The names that a request asks for.
[[nodiscard]] Result<std::vector<std::string>> requested_names(std::string_view request_pem);

}  // namespace isopop::pki
