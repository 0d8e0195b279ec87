#include "common/pki/seal.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <memory>
#include <optional>

#include "common/files/files.h"
#include "common/hash/hash.h"
#include "common/pki/openssl_handles.h"

namespace isopop::pki {
namespace {

// The first byte says how the rest is to be read.
constexpr char kFormat = 1;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::uint64_t kFileBytesMax = 1024;

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;

unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
int size_of(std::string_view text) {
  return static_cast<int>(text.size());
}

void fill(unsigned char* bytes, std::size_t size) {
  const int ok = RAND_bytes(bytes, static_cast<int>(size));
  ISOPOP_ASSERT(ok == 1, "OpenSSL to have random bytes");
}

std::optional<unsigned char> digit_of(char hex) {
  if (hex >= '0' && hex <= '9') return static_cast<unsigned char>(hex - '0');
  if (hex >= 'a' && hex <= 'f') return static_cast<unsigned char>(hex - 'a' + 10);
  return std::nullopt;
}

// What `sealed` holds, or nothing when it is not what was sealed.
std::optional<std::string> decrypt(const unsigned char* key, std::string_view sealed,
                                   std::string_view associated) {
  if (sealed.size() < 1 + kNonceBytes + kTagBytes || sealed[0] != kFormat) return std::nullopt;
  const std::string_view nonce = sealed.substr(1, kNonceBytes);
  const std::string_view body =
      sealed.substr(1 + kNonceBytes, sealed.size() - 1 - kNonceBytes - kTagBytes);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  const CipherContext context(EVP_CIPHER_CTX_new());
  std::string plain(body.size(), '\0');
  int size = 0;
  const bool is_genuine =
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key, bytes_of(nonce)) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &size, bytes_of(associated), size_of(associated)) ==
          1 &&
      EVP_DecryptUpdate(context.get(), bytes_of(plain), &size, bytes_of(body), size_of(body)) ==
          1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), bytes_of(plain) + plain.size(), &size) == 1;
  if (!is_genuine) return std::nullopt;
  return plain;
}

}  // namespace

SealKey SealKey::generate() {
  Raw key{};
  fill(key.data(), key.size());
  return SealKey(key);
}

Result<SealKey> SealKey::load_or_create(const std::filesystem::path& path) {
  const Result<std::string> present = read_file(path, kFileBytesMax);
  if (!present.ok()) {
    if (present.error().code != ErrorCode::kNotFound) return present.error();
    const SealKey made = generate();
    const std::string_view raw(reinterpret_cast<const char*>(made.key_.data()), kKeyBytes);
    ISOPOP_TRY(write_private_file(path, to_hex(raw) + "\n"));
    return made;
  }
  std::string_view hex = present.value();
  if (hex.ends_with('\n')) hex.remove_suffix(1);
  Raw key{};
  bool is_key = hex.size() == 2 * kKeyBytes;
  for (std::size_t i = 0; is_key && i < kKeyBytes; ++i) {
    const std::optional<unsigned char> high = digit_of(hex[2 * i]);
    const std::optional<unsigned char> low = digit_of(hex[2 * i + 1]);
    is_key = high && low;
    if (is_key) key.at(i) = static_cast<unsigned char>(*high << 4U | *low);
  }
  if (!is_key) {
    return invalid_argument(fmt::format(
        "{} holds no key of {} hexadecimal digits; put back the right file: what was sealed with "
        "it cannot be read without",
        path.string(), 2 * kKeyBytes));
  }
  return SealKey(key);
}

std::string SealKey::seal(std::string_view plain, std::string_view associated) const {
  std::string sealed(1 + kNonceBytes + plain.size() + kTagBytes, kFormat);
  unsigned char* const nonce = bytes_of(sealed) + 1;
  unsigned char* const body = nonce + kNonceBytes;
  fill(nonce, kNonceBytes);
  const CipherContext context(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool ok =
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &size, bytes_of(associated), size_of(associated)) ==
          1 &&
      EVP_EncryptUpdate(context.get(), body, &size, bytes_of(plain), size_of(plain)) == 1 &&
      EVP_EncryptFinal_ex(context.get(), body + plain.size(), &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, body + plain.size()) == 1;
  ISOPOP_ASSERT(ok, "OpenSSL to know AES-256-GCM");
  return sealed;
}

Result<std::string> SealKey::open(std::string_view sealed, std::string_view associated) const {
  const ErrorsOfOpenSsl errors;
  if (std::optional<std::string> plain = decrypt(key_.data(), sealed, associated)) {
    return *std::move(plain);
  }
  return Error{ErrorCode::kDataLoss,
               "a sealed value is damaged, or was sealed with another key file"};
}

}  // namespace isopop::pki
