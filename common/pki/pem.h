#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/pki/openssl_handles.h"
#include "common/result/result.h"

namespace isopop::pki {

// Keys as PEM text and back.

// INVALID_ARGUMENT says what is wrong, without a name: the caller knows whose text it is. A key
// with a passphrase is refused, since nobody is there to type it.
[[nodiscard]] Result<Key> parse_private_key(std::string_view pem);
[[nodiscard]] Result<Key> parse_public_key(std::string_view pem);
[[nodiscard]] std::string private_pem(EVP_PKEY* key);
[[nodiscard]] std::string public_pem(EVP_PKEY* key);

// What a memory BIO has gathered.
[[nodiscard]] std::string text_of(const Bytes& bytes);
// Borrows the text.
[[nodiscard]] Bytes reader_of(std::string_view text);

// The key in the file. When there is no such file, `make` says what is kept in it, for its owner
// alone.
[[nodiscard]] Result<Key> load_or_create_key(const std::filesystem::path& path, Key (*make)());

}  // namespace isopop::pki
