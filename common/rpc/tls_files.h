#pragma once

#include <chrono>
#include <string>

#include "common/result/result.h"

namespace isopop::rpc {

// TLS between the programs, as files in PEM form: who this one is, and whose certificates it
// believes. A client may have no certificate and say otherwise who calls (a token). Without files
// everything is plain text. gRPC reads them again when they change, so that certificates can be
// replaced under a running program.
struct TlsFiles {
  std::string certificate;  // with those between it and the CA, if there are any
  std::string key;
  std::string ca;                           // one or several certificates
  std::chrono::seconds refresh_period{10};  // how often to look for changes

  [[nodiscard]] bool are_given() const { return !ca.empty(); }
  [[nodiscard]] bool have_certificate() const { return !certificate.empty(); }
};

// gRPC says nothing of files that it cannot use, and connects to nobody. This says which one it is
// and what is wrong with it; of none given, nothing is wrong. Whether a certificate has expired is
// not looked at: its successor may come while the program runs.
[[nodiscard]] Result<void> check_tls_files(const TlsFiles& files);

// Of the first certificate in the file; false when it cannot be read.
[[nodiscard]] bool has_expired(const std::string& certificate_file);

}  // namespace isopop::rpc
