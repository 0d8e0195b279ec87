#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "common/pki/certificate_authority.h"
#include "common/pki/seal.h"
#include "common/pki/signing.h"
#include "common/result/result.h"
#include "common/time/clock.h"

namespace isopop::control {

// Everything that is secret of a network, in one folder (0700, files 0600):
//   ca.crt ca.key   the authority of the programs' certificates
//   bundle.key      signs versions
//   secrets.key     seals secrets in the database: lost, they are lost
//   admin.token     for the person who set it up
//   join.token      with which programs enroll
// It may be read-only once it is there. Who has it, has the network.
struct PkiFolder {
  enum class Authority { kOwn, kForeign };  // foreign: somebody else's CA, --tls-*; no ca.*

  std::filesystem::path path;
  std::optional<pki::CertificateAuthority> ca;
  pki::SigningKey bundle_key;
  pki::SealKey secrets_key;
  std::string admin_token;
  std::string join_token;

  // Makes what is missing of an empty folder. FAILED_PRECONDITION names what is missing of one that
  // has some of it: made anew it would be of another network.
  [[nodiscard]] static Result<PkiFolder> open_or_create(const std::filesystem::path& path,
                                                        Authority authority, WallTime now);

  [[nodiscard]] std::filesystem::path ca_file() const { return path / "ca.crt"; }
};

// What those get who may join: ca.crt, and join.token for its owner alone. Only with an own
// authority.
[[nodiscard]] Result<void> write_join_folder(const std::filesystem::path& path,
                                             const PkiFolder& pki);

}  // namespace isopop::control
