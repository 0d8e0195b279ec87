#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

namespace isopop::rpc {

// OpenSSL's objects, each freed by the function that is meant for it.
template <auto dispose>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    dispose(object);
  }
};
using Bytes = std::unique_ptr<BIO, Freed<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

}  // namespace isopop::rpc
