#include "common/rpc/tls_files.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <utility>
#include <vector>

#include "common/files/files.h"
#include "common/pki/openssl_handles.h"

namespace isopop::rpc {
namespace {

constexpr std::uint64_t kFileBytesMax = 1ULL << 20U;

using pki::Bytes;
using pki::Certificate;
using pki::ErrorsOfOpenSsl;
using pki::Key;

Bytes bytes_of(const std::string& text) {
  return Bytes(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<std::vector<Certificate>> read_certificates(const std::string& file) {
  ISOPOP_TRY_ASSIGN(const std::string text, read_file(file, kFileBytesMax));
  const ErrorsOfOpenSsl errors;
  const Bytes bytes = bytes_of(text);
  std::vector<Certificate> certificates;
  while (Certificate one{PEM_read_bio_X509(bytes.get(), nullptr, nullptr, nullptr)}) {
    certificates.push_back(std::move(one));
  }
  // The end of the file is told as a missing first line.
  const bool is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!is_at_end) return invalid_argument(file + " holds a certificate that is damaged");
  if (certificates.empty()) return invalid_argument(file + " holds no certificate in PEM form");
  return certificates;
}

// Asked for a passphrase, of which there is none: nobody is there to type it.
int note_passphrase(char* /*buffer*/, int /*size*/, int /*for_writing*/, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return -1;
}

Result<Key> read_key(const std::string& file) {
  ISOPOP_TRY_ASSIGN(const std::string text, read_file(file, kFileBytesMax));
  const ErrorsOfOpenSsl errors;
  bool was_asked = false;
  Key key(PEM_read_bio_PrivateKey(bytes_of(text).get(), nullptr, note_passphrase, &was_asked));
  if (was_asked) {
    return invalid_argument(fmt::format("the key in {} has a passphrase; give one without", file));
  }
  if (key == nullptr) {
    return invalid_argument(fmt::format("{} holds no private key in PEM form", file));
  }
  return key;
}

Result<void> check_certificate(const TlsFiles& files) {
  const Result<std::vector<Certificate>> certificates = read_certificates(files.certificate);
  if (!certificates.ok()) return certificates.error().with_context("--tls-cert");
  const Result<Key> key = read_key(files.key);
  if (!key.ok()) return key.error().with_context("--tls-key");
  const ErrorsOfOpenSsl errors;
  if (X509_check_private_key(certificates.value().front().get(), key.value().get()) == 1) return {};
  return invalid_argument(
      fmt::format("--tls-key: the key in {} is not the one of the certificate in {}", files.key,
                  files.certificate));
}

}  // namespace

Result<void> check_tls_files(const TlsFiles& files) {
  if (!files.are_given()) return {};
  if (files.have_certificate()) ISOPOP_TRY(check_certificate(files));
  const Result<std::vector<Certificate>> ca = read_certificates(files.ca);
  if (!ca.ok()) return ca.error().with_context("--tls-ca");
  return {};
}

bool has_expired(const std::string& certificate_file) {
  const Result<std::vector<Certificate>> certificates = read_certificates(certificate_file);
  return certificates.ok() &&
         X509_cmp_current_time(X509_get0_notAfter(certificates.value().front().get())) < 0;
}

}  // namespace isopop::rpc
