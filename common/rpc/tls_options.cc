#include "common/rpc/tls_options.h"

#include <CLI/CLI.hpp>
#include <array>

namespace isopop::rpc {
namespace {

// `--tls-cert "$FILE"` with nothing in $FILE must not end in plain text.
std::string check_named(const std::string& file) {
  return file.empty() ? "names no file" : std::string();
}

}  // namespace

void add_tls_options(CLI::App& app, TlsFiles& files, const std::string& environment_prefix) {
  const std::array<CLI::Option*, 3> options = {
      app.add_option("--tls-cert", files.certificate,
                     "this program's certificate, for mutual TLS (PEM); re-read when it changes"),
      app.add_option("--tls-key", files.key, "its private key (PEM)"),
      app.add_option("--tls-ca", files.ca, "the CA of the other programs' certificates (PEM)")};
  for (CLI::Option* option : options) {
    option->check(check_named, "FILE");
    for (CLI::Option* other : options) {
      if (other != option) option->needs(other);
    }
  }
  if (environment_prefix.empty()) return;
  options[0]->envname(environment_prefix + "_TLS_CERT");
  options[1]->envname(environment_prefix + "_TLS_KEY");
  options[2]->envname(environment_prefix + "_TLS_CA");
}

}  // namespace isopop::rpc
