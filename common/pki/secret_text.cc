#include "common/pki/secret_text.h"

#include <openssl/crypto.h>

namespace isopop::pki {

bool is_same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace isopop::pki
