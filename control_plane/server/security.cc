#include "control_plane/server/security.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "common/files/files.h"
#include "common/log/log.h"
#include "common/units/units.h"
#include "control_plane/access/access_table.h"
#include "control_plane/rpc/access_service.h"

namespace isopop::control {
namespace {

const pki::ProgramIdentity& own_identity() {
  static const pki::ProgramIdentity identity{.kind = "control", .id = "main"};
  return identity;
}

// "127.0.0.1:7070" -> "127.0.0.1", "[::1]:7070" -> "::1"
std::string host_of(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

bool is_loopback(const std::string& host) {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24U == 127;
  return host == "::1" || host == "localhost";
}

bool is_wildcard(const std::string& host) {
  return host.empty() || host == "0.0.0.0" || host == "::" || host == "*";
}

std::vector<std::string> interface_addresses() {
  std::vector<std::string> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    // Link-local addresses are none without their interface's name.
    const int family = entry->ifa_addr == nullptr ? AF_UNSPEC : entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    std::array<char, NI_MAXHOST> text{};
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (getnameinfo(entry->ifa_addr, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) !=
        0) {
      continue;
    }
    const std::string address = text.data();
    if (address.find('%') == std::string::npos) addresses.push_back(address);
  }
  freeifaddrs(list);
  return addresses;
}

Result<void> check_choice(const SecurityOptions& options) {
  const int chosen = (options.pki.empty() ? 0 : 1) + (options.tls.are_given() ? 1 : 0) +
                     (options.insecure ? 1 : 0);
  if (chosen != 1) {
    return invalid_argument(
        "say how callers are known: --pki DIR (an own CA and tokens, made if DIR is empty), "
        "--tls-cert, --tls-key and --tls-ca (of another CA), or --insecure (everybody may do "
        "everything, on loopback only)");
  }
  if (options.pki.empty() && (!options.join.empty() || !options.server_names.empty())) {
    return invalid_argument("--join and --server-name go with --pki");
  }
  return {};
}

Result<void> check_loopback(const Security::Places& places) {
  for (const std::string& address : {places.listen, places.http_listen}) {
    if (is_loopback(host_of(address))) continue;
    return invalid_argument(fmt::format(
        "--insecure is for loopback addresses, and {} is none: use --pki DIR instead", address));
  }
  return {};
}

// Of one that has all but the CA, from times of --insecure, the rest is kept.
Result<PkiFolder> open_folder(const SecurityOptions& options, const std::filesystem::path& state,
                              WallTime now) {
  if (options.pki.empty()) {
    return PkiFolder::open_or_create(state / "pki", PkiFolder::Authority::kForeign, now);
  }
  ISOPOP_TRY_ASSIGN(const std::filesystem::path path, absolute_path(options.pki));
  return PkiFolder::open_or_create(path, PkiFolder::Authority::kOwn, now);
}

}  // namespace

std::vector<std::string> names_of_listener(const std::string& listen) {
  std::vector<std::string> names = {"localhost", "127.0.0.1", "::1"};
  const auto add = [&names](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  const std::string host = host_of(listen);
  if (is_wildcard(host)) {
    for (const std::string& address : interface_addresses()) add(address);
  } else {
    add(host);
  }
  std::array<char, HOST_NAME_MAX + 1> own{};
  if (gethostname(own.data(), own.size() - 1) == 0) add(own.data());
  return names;
}

Result<ServerCertificate> ServerCertificate::create(const pki::CertificateAuthority& ca,
                                                    const std::filesystem::path& folder,
                                                    std::vector<std::string> names, WallTime now) {
  ISOPOP_TRY_ASSIGN(pki::CertificateKey key,
                    pki::CertificateKey::load_or_create(folder / "control.key"));
  ServerCertificate certificate(ca, folder, std::move(key), std::move(names));
  ISOPOP_TRY(certificate.issue(now));
  return certificate;
}

Result<void> ServerCertificate::renew_if_due(WallTime now) {
  if (now < renew_at_) return {};
  return issue(now);
}

Result<void> ServerCertificate::issue(WallTime now) {
  ISOPOP_TRY_ASSIGN(const std::string pem,
                    ca_->issue(key_.request(), {.identity = own_identity(), .names = names_},
                               {.now = now, .lifetime = kLifetime}));
  ISOPOP_TRY(write_private_file(certificate_file(), pem));
  renew_at_ = now + kLifetime * 2 / 3;
  return {};
}

Security::Security(PkiFolder pki, const Clock& clock, bool insecure)
    : clock_(clock),
      pki_(std::move(pki)),
      book_(clock),
      authorizer_(insecure ? Authorizer() : Authorizer(book_)) {
  issuer_.bundle_key_pem = pki_.bundle_key.public_pem();
  if (pki_.ca) issuer_.authority = &*pki_.ca;
}

Result<std::unique_ptr<Security>> Security::create(const SecurityOptions& options,
                                                   const Places& places, const Clock& clock) {
  ISOPOP_TRY(check_choice(options));
  if (options.insecure) ISOPOP_TRY(check_loopback(places));
  ISOPOP_TRY(rpc::check_tls_files(options.tls));
  ISOPOP_TRY_ASSIGN(const std::chrono::nanoseconds lifetime,
                    parse_duration(options.identity_lifetime).with_context("--identity-lifetime"));
  if (lifetime < std::chrono::seconds(3)) {
    return invalid_argument("--identity-lifetime: at least 3 s");
  }
  ISOPOP_TRY(create_folders(places.state));
  ISOPOP_TRY_ASSIGN(PkiFolder pki, open_folder(options, places.state, clock.wall_now()));
  std::unique_ptr<Security> security(new Security(std::move(pki), clock, options.insecure));
  security->issuer_.lifetime = std::chrono::floor<std::chrono::seconds>(lifetime);
  if (options.pki.empty()) {
    security->tls_ = options.tls;
    if (options.insecure) {
      log_warning("--insecure: no TLS and no tokens; everybody on this machine may do everything");
    }
    return security;
  }
  ISOPOP_TRY(security->serve_with_own_ca(options, places));
  return security;
}

Result<void> Security::serve_with_own_ca(const SecurityOptions& options, const Places& places) {
  std::vector<std::string> names = names_of_listener(places.listen);
  names.insert(names.end(), options.server_names.begin(), options.server_names.end());
  ISOPOP_TRY_ASSIGN(
      ServerCertificate certificate,
      ServerCertificate::create(*pki_.ca, places.state, std::move(names), clock_.wall_now()));
  certificate_.emplace(std::move(certificate));
  tls_ = {.certificate = certificate_->certificate_file().string(),
          .key = certificate_->key_file().string(),
          .ca = pki_.ca_file().string()};
  if (options.join.empty()) return {};
  return write_join_folder(options.join, pki_);
}

Result<void> Security::load(Store& store) {
  return load_access(store, book_, clock_, pki_.admin_token, pki_.join_token);
}

void Security::keep_up(Store& store) {
  if (certificate_) {
    const Result<void> renewed = certificate_->renew_if_due(clock_.wall_now());
    if (!renewed.ok()) {
      log_error("the control plane's certificate could not be renewed: {}",
                renewed.error().message);
    }
  }
  const std::map<std::string, std::int64_t> used = book_.take_used();
  if (used.empty()) return;
  const bool taken = store.post([used](Registry& registry) {
    AccessTable table(registry.database());
    for (const auto& [id, at_ms] : used) {
      const Result<void> noted = table.note_used(id, at_ms);
      if (!noted.ok()) return log_debug("token's last use: {}", noted.error().message);
    }
  });
  if (!taken) log_debug("too much to do to note when tokens were used last");
}

std::string Security::described() const {
  if (authorizer_.is_insecure()) return "plain text, --insecure";
  return pki_.ca && certificate_ ? "TLS, own CA" : "TLS";
}

}  // namespace isopop::control
