#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/pki/certificate_authority.h"
#include "common/result/result.h"
#include "common/rpc/tls_files.h"
#include "common/time/clock.h"
#include "control_plane/access/access_book.h"
#include "control_plane/access/pki_folder.h"
#include "control_plane/registry/store.h"
#include "control_plane/rpc/authorize.h"
#include "control_plane/rpc/identity_service.h"

namespace isopop::control {

// How the control plane knows who calls: exactly one of the three.
struct SecurityOptions {
  std::filesystem::path pki;              // folder of an own CA and keys
  std::filesystem::path join;             // with `pki`: what those get who may join is written here
  std::vector<std::string> server_names;  // with `pki`: by which programs and people call it
  rpc::TlsFiles tls;                      // certificates of somebody else's CA
  bool insecure = false;                  // plain text; everybody may do everything
  std::string identity_lifetime = "24 h";  // of programs' certificates
};

// Names and addresses under which a server that listens there is reached: those of the address, or
// of all this machine's interfaces when it listens on all of them, and of this host.
[[nodiscard]] std::vector<std::string> names_of_listener(const std::string& listen);

// The control plane's own certificate, of its own CA: made at each start for the names it has then,
// and again when two thirds of its year are over; a server that reads its files again takes it up.
// The key stays, so that certificate and key always fit. Not thread-safe.
class ServerCertificate final {
 public:
  static constexpr std::chrono::hours kLifetime{24 * 365};

  // Makes control.key and control.crt in the folder. `ca` outlives the object.
  [[nodiscard]] static Result<ServerCertificate> create(const pki::CertificateAuthority& ca,
                                                        const std::filesystem::path& folder,
                                                        std::vector<std::string> names,
                                                        WallTime now);
  [[nodiscard]] Result<void> renew_if_due(WallTime now);
  [[nodiscard]] std::filesystem::path certificate_file() const { return folder_ / "control.crt"; }
  [[nodiscard]] std::filesystem::path key_file() const { return folder_ / "control.key"; }

 private:
  ServerCertificate(const pki::CertificateAuthority& ca, std::filesystem::path folder,
                    pki::CertificateKey key, std::vector<std::string> names)
      : ca_(&ca), folder_(std::move(folder)), key_(std::move(key)), names_(std::move(names)) {}
  [[nodiscard]] Result<void> issue(WallTime now);

  const pki::CertificateAuthority* ca_;
  std::filesystem::path folder_;
  pki::CertificateKey key_;
  std::vector<std::string> names_;
  WallTime renew_at_;
};

// Everything a control plane has to know who calls and to say who it is. Made before the database
// is opened, since that needs the keys.
class Security final {
 public:
  struct Places {
    std::filesystem::path state;
    std::string listen;
    std::string http_listen;
  };
  // INVALID_ARGUMENT: not exactly one way was chosen, or --insecure on an address that others
  // reach.
  [[nodiscard]] static Result<std::unique_ptr<Security>> create(const SecurityOptions& options,
                                                                const Places& places,
                                                                const Clock& clock);

  // Fills the book from the database. Before the servers start.
  [[nodiscard]] Result<void> load(Store& store);
  // Now and then, on the control loop: what becomes due.
  void keep_up(Store& store);

  [[nodiscard]] const Authorizer& authorizer() const { return authorizer_; }
  [[nodiscard]] AccessBook& book() { return book_; }
  [[nodiscard]] const IdentityIssuer& issuer() const { return issuer_; }
  [[nodiscard]] const PkiFolder& pki() const { return pki_; }
  [[nodiscard]] const rpc::TlsFiles& tls() const { return tls_; }
  [[nodiscard]] std::string described() const;  // for the log: "TLS, own CA"

 private:
  Security(PkiFolder pki, const Clock& clock, bool insecure);
  [[nodiscard]] Result<void> serve_with_own_ca(const SecurityOptions& options,
                                               const Places& places);

  const Clock& clock_;
  PkiFolder pki_;
  AccessBook book_;
  Authorizer authorizer_;
  IdentityIssuer issuer_;
  std::optional<ServerCertificate> certificate_;
  rpc::TlsFiles tls_;
};

}  // namespace isopop::control
