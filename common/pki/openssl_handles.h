#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

namespace isopop::pki {

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

// OpenSSL notes each of its errors for the thread, and gRPC would find ours. One of these stands
// where something may fail.
struct ErrorsOfOpenSsl {
  ErrorsOfOpenSsl() { ERR_clear_error(); }
  ~ErrorsOfOpenSsl() { ERR_clear_error(); }
  ErrorsOfOpenSsl(const ErrorsOfOpenSsl&) = delete;
  ErrorsOfOpenSsl& operator=(const ErrorsOfOpenSsl&) = delete;
};

}  // namespace isopop::pki
