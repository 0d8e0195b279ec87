#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "common/rpc/tls_files.h"

namespace isopop::test {

// A certificate authority for tests: makes certificates and writes them, with their keys, as PEM
// files into a folder.
class CertificateAuthority final {
 public:
  // `name` is that of its files too: NAME-ca.crt.
  CertificateAuthority(std::filesystem::path folder, const std::string& name);
  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  enum class Validity { kNow, kExpired };
  struct Subject {
    std::string name;  // of the files: NAME.crt and NAME.key; those of that name are replaced
    std::string alternative_names = "IP:127.0.0.1,DNS:localhost";
    Validity validity = Validity::kNow;
  };
  // Signs a new key; the files with this authority as the one to believe, looked at each second.
  [[nodiscard]] rpc::TlsFiles issue(const Subject& subject) const;

 private:
  struct Keys;
  std::filesystem::path folder_;
  std::string ca_file_;
  std::unique_ptr<const Keys> keys_;
};

}  // namespace isopop::test
