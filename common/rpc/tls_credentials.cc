#include "common/rpc/tls_credentials.h"

#include <fmt/format.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <string_view>

namespace isopop::rpc {
namespace {

namespace tls_api = grpc::experimental;

std::shared_ptr<tls_api::CertificateProviderInterface> watch(const TlsFiles& tls) {
  const auto period = static_cast<unsigned>(tls.refresh_period.count());
  if (!tls.have_certificate()) {
    return std::make_shared<tls_api::FileWatcherCertificateProvider>(tls.ca, period);
  }
  return std::make_shared<tls_api::FileWatcherCertificateProvider>(tls.key, tls.certificate, tls.ca,
                                                                   period);
}

// What a server that refuses a certificate does, since TLS 1.3 after the handshake: it hangs up.
std::string explain_refusal(const TlsFiles& tls) {
  if (!tls.have_certificate()) return "it hung up at once; it may want a certificate";
  if (has_expired(tls.certificate)) {
    return fmt::format("it refuses the certificate in {}, which has expired", tls.certificate);
  }
  return fmt::format(
      "it hung up when it saw the certificate in {}; that must be signed by the CA which was given "
      "to it with --tls-ca",
      tls.certificate);
}

}  // namespace

std::shared_ptr<grpc::ChannelCredentials> channel_credentials(const TlsFiles& tls) {
  if (!tls.are_given()) return grpc::InsecureChannelCredentials();
  tls_api::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(watch(tls));
  options.watch_root_certs();
  if (tls.have_certificate()) options.watch_identity_key_cert_pairs();
  options.set_certificate_verifier(std::make_shared<tls_api::HostNameCertificateVerifier>());
  return tls_api::TlsCredentials(options);
}

std::shared_ptr<grpc::ServerCredentials> server_credentials(const TlsFiles& tls) {
  if (!tls.are_given()) return grpc::InsecureServerCredentials();
  tls_api::TlsServerCredentialsOptions options(watch(tls));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  return tls_api::TlsServerCredentials(options);
}

std::string explain_tls(const grpc::Status& status, const TlsFiles& tls) {
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return {};
  const std::string said = status.error_message();
  const auto says = [&said](std::string_view words) {
    return said.find(words) != std::string::npos;
  };
  // gRPC tells the causes apart in its message only. A connection that was there and was lost has
  // nothing to do with TLS.
  if (!says("failed to connect")) return {};
  const bool was_hung_up = says("Socket closed") || says("Connection reset");
  if (!tls.are_given()) {
    if (!was_hung_up) return {};
    return "it hung up at once; if it speaks TLS, name its CA (--join, --ca or --tls-ca)";
  }
  if (was_hung_up) return explain_refusal(tls);
  if (says("wrong version number")) {
    return "it does not speak TLS; start it with --pki or --tls-cert, or call it without";
  }
  if (says("Hostname Verification Check failed")) {
    return "its certificate is for another name than the one it was called by";
  }
  if (says("certificate verify failed")) {
    return fmt::format("its certificate has expired or is not signed by the CA in {}", tls.ca);
  }
  return {};
}

}  // namespace isopop::rpc
