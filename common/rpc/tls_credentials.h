#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "common/rpc/tls_files.h"

namespace isopop::rpc {

// Plain text without files. With them a client believes a server whose certificate is signed by the
// CA and says the name that the client asked for...
[[nodiscard]] std::shared_ptr<grpc::ChannelCredentials> channel_credentials(const TlsFiles& tls);
// ...and a server takes clients without a certificate, and those with one of the CA, but none with
// another's: who may do what is its services' to decide. `tls` has a certificate.
[[nodiscard]] std::shared_ptr<grpc::ServerCredentials> server_credentials(const TlsFiles& tls);

// Why a call found no connection, where that is a matter of TLS: a clause about the other side, as
// "it does not speak TLS; ...". Empty when it is something else, or nothing is wrong.
[[nodiscard]] std::string explain_tls(const grpc::Status& status, const TlsFiles& tls);

}  // namespace isopop::rpc
