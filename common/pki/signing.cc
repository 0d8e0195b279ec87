#include "common/pki/signing.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "common/pki/pem.h"

namespace isopop::pki {
namespace {

using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Key new_key() {
  Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  ISOPOP_ASSERT(key != nullptr, "OpenSSL to know Ed25519");
  return key;
}

Result<Key> must_be_ed25519(Key key) {
  if (EVP_PKEY_get_id(key.get()) == EVP_PKEY_ED25519) return key;
  return invalid_argument("it is not an Ed25519 key");
}

}  // namespace

Result<SigningKey> SigningKey::generate() {
  return SigningKey(new_key());
}

Result<SigningKey> SigningKey::load_or_create(const std::filesystem::path& path) {
  ISOPOP_TRY_ASSIGN(Key key, load_or_create_key(path, new_key));
  ISOPOP_TRY_ASSIGN(key, must_be_ed25519(std::move(key)).with_context(path.string()));
  return SigningKey(std::move(key));
}

std::string SigningKey::sign(std::string_view bytes) const {
  const DigestContext context(EVP_MD_CTX_new());
  int ok = EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get());
  std::size_t size = 0;
  if (ok == 1) {
    ok = EVP_DigestSign(context.get(), nullptr, &size, bytes_of(bytes), bytes.size());
  }
  std::string signature(size, '\0');
  if (ok == 1) {
    ok = EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                        bytes_of(bytes), bytes.size());
  }
  ISOPOP_ASSERT(ok == 1, "an Ed25519 key to sign anything");
  return signature;
}

std::string SigningKey::public_pem() const {
  return pki::public_pem(key_.get());
}

Result<VerifyKey> VerifyKey::from_pem(std::string_view pem) {
  ISOPOP_TRY_ASSIGN(Key key, parse_public_key(pem));
  ISOPOP_TRY_ASSIGN(key, must_be_ed25519(std::move(key)));
  return VerifyKey(std::move(key));
}

bool VerifyKey::verify(std::string_view bytes, std::string_view signature) const {
  const ErrorsOfOpenSsl errors;
  const DigestContext context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(bytes),
                          bytes.size()) == 1;
}

}  // namespace isopop::pki
