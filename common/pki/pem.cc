#include "common/pki/pem.h"

#include <fmt/format.h>
#include <openssl/pem.h>

#include "common/files/files.h"
#include "common/result/assert.h"

namespace isopop::pki {
namespace {

constexpr std::uint64_t kKeyBytesMax = 64ULL << 10U;

// Asked for a passphrase, of which there is none.
int note_passphrase(char* /*buffer*/, int /*size*/, int /*for_writing*/, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return -1;
}

}  // namespace

std::string text_of(const Bytes& bytes) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bytes.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Bytes reader_of(std::string_view text) {
  return Bytes(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<Key> parse_private_key(std::string_view pem) {
  const ErrorsOfOpenSsl errors;
  bool was_asked = false;
  Key key(PEM_read_bio_PrivateKey(reader_of(pem).get(), nullptr, note_passphrase, &was_asked));
  if (was_asked) return invalid_argument("the key has a passphrase; give one without");
  if (key == nullptr) return invalid_argument("it holds no private key in PEM form");
  return key;
}

Result<Key> parse_public_key(std::string_view pem) {
  const ErrorsOfOpenSsl errors;
  Key key(PEM_read_bio_PUBKEY(reader_of(pem).get(), nullptr, nullptr, nullptr));
  if (key == nullptr) return invalid_argument("it holds no public key in PEM form");
  return key;
}

std::string private_pem(EVP_PKEY* key) {
  const Bytes bytes(BIO_new(BIO_s_mem()));
  const int ok = PEM_write_bio_PrivateKey(bytes.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  ISOPOP_ASSERT(ok == 1, "a key that can be written");
  return text_of(bytes);
}

std::string public_pem(EVP_PKEY* key) {
  const Bytes bytes(BIO_new(BIO_s_mem()));
  const int ok = PEM_write_bio_PUBKEY(bytes.get(), key);
  ISOPOP_ASSERT(ok == 1, "a key that can be written");
  return text_of(bytes);
}

Result<Key> load_or_create_key(const std::filesystem::path& path, Key (*make)()) {
  const Result<std::string> present = read_file(path, kKeyBytesMax);
  if (present.ok()) return parse_private_key(present.value()).with_context(path.string());
  if (present.error().code != ErrorCode::kNotFound) return present.error();
  Key key = make();
  ISOPOP_TRY(write_private_file(path, private_pem(key.get())));
  return key;
}

}  // namespace isopop::pki
