#include "common/pki/certificate_authority.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <utility>

#include "common/pki/pem.h"

namespace isopop::pki {
namespace {

constexpr std::chrono::minutes kClockSkew{5};
constexpr std::size_t kSerialBytes = 16;
constexpr std::size_t kNamesMax = 100;
constexpr std::size_t kNameBytesMax = 253;

using Request = std::unique_ptr<X509_REQ, Freed<X509_REQ_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

struct FreedExtensions {
  void operator()(STACK_OF(X509_EXTENSION) * extensions) const {
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  }
};
using Extensions = std::unique_ptr<STACK_OF(X509_EXTENSION), FreedExtensions>;

void must(bool is_true) {
  ISOPOP_ASSERT(is_true, "OpenSSL to make a certificate");
}

Key new_key() {
  Key key(EVP_EC_gen("P-256"));
  must(key != nullptr);
  return key;
}

bool is_p256(EVP_PKEY* key) {
  std::array<char, 32> group{};
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

bool is_ip_address(const std::string& name) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

bool is_dns_name(const std::string& name) {
  return !name.empty() && name.size() <= kNameBytesMax && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

// As OpenSSL's configuration has it: "URI:spiffe://isopop/pop/AMS,DNS:control,IP:127.0.0.1".
Result<std::string> alternative_names(const std::vector<std::string>& names) {
  if (names.size() > kNamesMax) {
    return invalid_argument(fmt::format("more than {} names for one certificate", kNamesMax));
  }
  std::string text;
  for (const std::string& name : names) {
    if (is_ip_address(name)) {
      text += ",IP:" + name;
    } else if (is_dns_name(name)) {
      text += ",DNS:" + name;
    } else {
      return invalid_argument(
          fmt::format("'{}' is neither a DNS name nor an IP address", name.substr(0, 100)));
    }
  }
  return text.empty() ? text : text.substr(1);
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  must(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

void set_time(ASN1_TIME* time, WallTime moment) {
  must(ASN1_TIME_set(
           time,
           std::chrono::duration_cast<std::chrono::seconds>(moment.time_since_epoch()).count()) !=
       nullptr);
}

WallTime time_of(const ASN1_TIME* time) {
  tm parts{};
  must(ASN1_TIME_to_tm(time, &parts) == 1);
  return WallTime(std::chrono::seconds(timegm(&parts)));
}

void set_common_name(X509_NAME* name, const std::string& text) {
  must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(text.data()),
                                  static_cast<int>(text.size()), -1, 0) == 1);
}

// With subject, key, times and a random serial number; without issuer and signature.
Certificate new_certificate(const std::string& name, EVP_PKEY* key, WallTime begin, WallTime end) {
  constexpr std::size_t kCommonNameBytesMax = 64;  // RFC 5280's upper bound
  Certificate certificate(X509_new());
  must(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  std::array<unsigned char, kSerialBytes> serial{};
  must(RAND_bytes(serial.data(), serial.size()) == 1);
  serial[0] &= 0x7FU;  // positive
  const Number number(BN_bin2bn(serial.data(), serial.size(), nullptr));
  must(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) != nullptr);
  set_common_name(X509_get_subject_name(certificate.get()), name.substr(0, kCommonNameBytesMax));
  set_time(X509_getm_notBefore(certificate.get()), begin);
  set_time(X509_getm_notAfter(certificate.get()), end);
  must(X509_set_pubkey(certificate.get(), key) == 1);
  return certificate;
}

std::string pem_of(X509* certificate) {
  const Bytes bytes(BIO_new(BIO_s_mem()));
  must(PEM_write_bio_X509(bytes.get(), certificate) == 1);
  return text_of(bytes);
}

Result<Certificate> parse_certificate(std::string_view pem) {
  const ErrorsOfOpenSsl errors;
  Certificate certificate(PEM_read_bio_X509(reader_of(pem).get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) return invalid_argument("it holds no certificate in PEM form");
  return certificate;
}

Result<Request> parse_request(std::string_view pem) {
  const ErrorsOfOpenSsl errors;
  Request request(PEM_read_bio_X509_REQ(reader_of(pem).get(), nullptr, nullptr, nullptr));
  if (request == nullptr) return invalid_argument("it is no certificate request in PEM form");
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || !is_p256(key)) {
    return invalid_argument("the certificate request is not of a P-256 key");
  }
  if (X509_REQ_verify(request.get(), key) != 1) {
    return invalid_argument("the certificate request is not signed by its own key");
  }
  return request;
}

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

// Empty, which no certificate is issued for, when it is none: OpenSSL takes any number of bytes.
std::string address_of(const ASN1_OCTET_STRING* bytes) {
  const int size = ASN1_STRING_length(bytes);
  if (size != sizeof(in_addr) && size != sizeof(in6_addr)) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = size == sizeof(in_addr) ? AF_INET : AF_INET6;
  inet_ntop(family, ASN1_STRING_get0_data(bytes), text.data(), text.size());
  return text.data();
}

struct AlternativeNames {
  std::vector<std::string> names;
  std::vector<std::string> uris;
};

AlternativeNames read_names(const GENERAL_NAMES* names) {
  AlternativeNames found;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS) found.names.push_back(text_of(name->d.dNSName));
    if (name->type == GEN_IPADD) found.names.push_back(address_of(name->d.iPAddress));
    if (name->type == GEN_URI) found.uris.push_back(text_of(name->d.uniformResourceIdentifier));
  }
  return found;
}

}  // namespace

CertificateKey CertificateKey::generate() {
  return CertificateKey(new_key());
}

Result<CertificateKey> CertificateKey::load_or_create(const std::filesystem::path& path) {
  ISOPOP_TRY_ASSIGN(Key key, load_or_create_key(path, new_key));
  if (!is_p256(key.get())) {
    return invalid_argument(fmt::format("the key in {} is not a P-256 key", path.string()));
  }
  return CertificateKey(std::move(key));
}

Result<CertificateKey> CertificateKey::from_pem(std::string_view pem) {
  ISOPOP_TRY_ASSIGN(Key key, parse_private_key(pem));
  if (!is_p256(key.get())) return invalid_argument("the key is not a P-256 key");
  return CertificateKey(std::move(key));
}

std::string CertificateKey::request(const std::vector<std::string>& names) const {
  const Request request(X509_REQ_new());
  must(request != nullptr && X509_REQ_set_pubkey(request.get(), key_.get()) == 1);
  set_common_name(X509_REQ_get_subject_name(request.get()), "isopop");
  const Result<std::string> wanted = alternative_names(names);
  if (wanted.ok() && !wanted.value().empty()) {
    const Extensions extensions(sk_X509_EXTENSION_new_null());
    Extension extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, wanted.value().c_str()));
    must(extension != nullptr &&
         sk_X509_EXTENSION_push(extensions.get(), extension.release()) == 1 &&
         X509_REQ_add_extensions(request.get(), extensions.get()) == 1);
  }
  must(X509_REQ_sign(request.get(), key_.get(), EVP_sha256()) > 0);
  const Bytes bytes(BIO_new(BIO_s_mem()));
  must(PEM_write_bio_X509_REQ(bytes.get(), request.get()) == 1);
  return text_of(bytes);
}

std::string CertificateKey::pem() const {
  return private_pem(key_.get());
}

bool CertificateKey::is_of(std::string_view certificate_pem) const {
  const Result<Certificate> certificate = parse_certificate(certificate_pem);
  const ErrorsOfOpenSsl errors;
  return certificate.ok() && X509_check_private_key(certificate.value().get(), key_.get()) == 1;
}

Result<CertificateFacts> read_certificate(std::string_view pem) {
  ISOPOP_TRY_ASSIGN(const Certificate certificate, parse_certificate(pem));
  const ErrorsOfOpenSsl errors;
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  AlternativeNames found = read_names(names.get());
  CertificateFacts facts{.identity = {},
                         .names = std::move(found.names),
                         .not_before = time_of(X509_get0_notBefore(certificate.get())),
                         .not_after = time_of(X509_get0_notAfter(certificate.get()))};
  // Two identities would be none.
  if (found.uris.size() == 1) {
    Result<ProgramIdentity> identity = parse_identity_uri(found.uris.front());
    if (identity.ok()) facts.identity = std::move(identity).value();
  }
  return facts;
}

Result<ProgramIdentity> identity_of(std::string_view certificate_pem) {
  ISOPOP_TRY_ASSIGN(CertificateFacts facts, read_certificate(certificate_pem));
  if (!facts.identity) return not_found("the certificate names no program of isopop");
  return *std::move(facts.identity);
}

Result<std::vector<std::string>> requested_names(std::string_view request_pem) {
  ISOPOP_TRY_ASSIGN(const Request request, parse_request(request_pem));
  const ErrorsOfOpenSsl errors;
  const Extensions extensions(X509_REQ_get_extensions(request.get()));
  const Names names(static_cast<GENERAL_NAMES*>(
      X509V3_get_d2i(extensions.get(), NID_subject_alt_name, nullptr, nullptr)));
  return read_names(names.get()).names;
}

CertificateAuthority CertificateAuthority::create(WallTime now) {
  Key key = new_key();
  Certificate certificate =
      new_certificate("isopop CA", key.get(), now - kClockSkew, now + kLifetime);
  X509* const made = certificate.get();
  must(X509_set_issuer_name(made, X509_get_subject_name(made)) == 1);
  add_extension(made, made, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(made, made, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(made, made, NID_subject_key_identifier, "hash");
  must(X509_sign(made, key.get(), EVP_sha256()) > 0);
  return {std::move(key), std::move(certificate)};
}

Result<CertificateAuthority> CertificateAuthority::load(std::string_view certificate_pem,
                                                        std::string_view key_pem) {
  ISOPOP_TRY_ASSIGN(Certificate certificate, parse_certificate(certificate_pem));
  ISOPOP_TRY_ASSIGN(Key key, parse_private_key(key_pem));
  const ErrorsOfOpenSsl errors;
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return invalid_argument("the CA's key is not the one of its certificate");
  }
  if (X509_check_ca(certificate.get()) != 1) {
    return invalid_argument("the CA's certificate is not one of a CA");
  }
  return CertificateAuthority(std::move(key), std::move(certificate));
}

std::string CertificateAuthority::certificate_pem() const {
  return pem_of(certificate_.get());
}

std::string CertificateAuthority::key_pem() const {
  return private_pem(key_.get());
}

Result<std::string> CertificateAuthority::issue(std::string_view request_pem,
                                                const Subject& subject,
                                                const Validity& validity) const {
  ISOPOP_TRY_ASSIGN(const Request request, parse_request(request_pem));
  ISOPOP_TRY(check_identity(subject.identity));
  ISOPOP_TRY_ASSIGN(const std::string names, alternative_names(subject.names));
  const WallTime end =
      std::min(validity.now + validity.lifetime, time_of(X509_get0_notAfter(certificate_.get())));
  const Certificate certificate = new_certificate(
      subject.identity.name(), X509_REQ_get0_pubkey(request.get()), validity.now - kClockSkew, end);
  X509* const made = certificate.get();
  X509* const issuer = certificate_.get();
  must(X509_set_issuer_name(made, X509_get_subject_name(issuer)) == 1);
  add_extension(made, issuer, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(made, issuer, NID_key_usage, "critical,digitalSignature");
  add_extension(made, issuer, NID_ext_key_usage,
                names.empty() ? "clientAuth" : "serverAuth,clientAuth");
  add_extension(made, issuer, NID_authority_key_identifier, "keyid");
  add_extension(made, issuer, NID_subject_alt_name,
                "URI:" + subject.identity.uri() + (names.empty() ? "" : "," + names));
  must(X509_sign(made, key_.get(), EVP_sha256()) > 0);
  return pem_of(made);
}

}  // namespace isopop::pki
