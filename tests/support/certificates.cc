#include "tests/support/certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <utility>

#include "common/files/files.h"
#include "common/pki/openssl_handles.h"

namespace isopop::test {
namespace {

constexpr long kDaySeconds = 24L * 60 * 60;

using pki::Bytes;
using pki::Certificate;
using pki::Freed;
using pki::Key;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;

void must(bool is_true) {
  ISOPOP_ASSERT(is_true, "OpenSSL makes a certificate");
}

Key new_key() {
  Key key(EVP_EC_gen("P-256"));
  must(key != nullptr);
  return key;
}

void add_extension(X509* certificate, int kind, const std::string& value) {
  const Extension extension(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
  must(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

// Without a signature yet.
Certificate new_certificate(const std::string& name, EVP_PKEY* key) {
  Certificate certificate(X509_new());
  std::uint64_t serial = 0;
  must(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial);
  must(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                                  0) == 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -2 * kDaySeconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kDaySeconds);
  must(X509_set_pubkey(certificate.get(), key) == 1);
  return certificate;
}

void write_pem(const std::filesystem::path& file, const Bytes& bytes) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bytes.get(), &data);
  const Result<void> written =
      write_file_atomically(file, std::string_view(data, static_cast<std::size_t>(size)));
  ISOPOP_ASSERT(written.ok(), "a test's folder can be written to");
}

void write_certificate(const std::filesystem::path& file, X509* certificate) {
  const Bytes bytes(BIO_new(BIO_s_mem()));
  must(PEM_write_bio_X509(bytes.get(), certificate) == 1);
  write_pem(file, bytes);
}

void write_key(const std::filesystem::path& file, EVP_PKEY* key) {
  const Bytes bytes(BIO_new(BIO_s_mem()));
  must(PEM_write_bio_PrivateKey(bytes.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  write_pem(file, bytes);
}

}  // namespace

struct CertificateAuthority::Keys {
  Key key = new_key();
  Certificate certificate;
};

CertificateAuthority::CertificateAuthority(std::filesystem::path folder, const std::string& name)
    : folder_(std::move(folder)), ca_file_((folder_ / (name + "-ca.crt")).string()) {
  auto keys = std::make_unique<Keys>();
  keys->certificate = new_certificate(name + " CA", keys->key.get());
  X509* const certificate = keys->certificate.get();
  must(X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1);
  add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  must(X509_sign(certificate, keys->key.get(), EVP_sha256()) > 0);
  write_certificate(ca_file_, certificate);
  keys_ = std::move(keys);
}

CertificateAuthority::~CertificateAuthority() = default;

rpc::TlsFiles CertificateAuthority::issue(const Subject& subject) const {
  const Key key = new_key();
  const Certificate certificate = new_certificate(subject.name, key.get());
  if (subject.validity == Validity::kExpired) {
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), -kDaySeconds);
  }
  must(X509_set_issuer_name(certificate.get(), X509_get_subject_name(keys_->certificate.get())) ==
       1);
  add_extension(certificate.get(), NID_subject_alt_name, subject.alternative_names);
  must(X509_sign(certificate.get(), keys_->key.get(), EVP_sha256()) > 0);
  const rpc::TlsFiles files{.certificate = (folder_ / (subject.name + ".crt")).string(),
                            .key = (folder_ / (subject.name + ".key")).string(),
                            .ca = ca_file_,
                            .refresh_period = std::chrono::seconds(1)};
  write_key(files.key, key.get());
  write_certificate(files.certificate, certificate.get());
  return files;
}

}  // namespace isopop::test
