#include "common/rpc/rpc.h"

#include <fmt/format.h>
#include <grpc/support/log.h>

#include <mutex>
#include <utility>

#include "common/log/log.h"
#include "common/rpc/tls_credentials.h"

namespace isopop::rpc {
namespace {

constexpr int kKeepaliveTimeMs = 10'000;
constexpr int kKeepaliveTimeoutMs = 5'000;
// A PoP that lost its control plane tries again after 0.2 s, then slower, 5 s at most.
constexpr int kReconnectMinMs = 200;
constexpr int kReconnectMaxMs = 5'000;
// gRPC gives each attempt to connect as long as the "least back-off": less, and a machine that is
// starting hundreds of processes never gets through.
constexpr int kConnectTimeoutMs = 10'000;
// What may be on its way to a client from the start. gRPC's own 64 KiB grow with use, but the first
// large bundle would take sixteen turns, and each turn waits for hundreds of other PoPs'.
constexpr int kStreamWindowBytes = 1 << 20;
// A value of a KV namespace may have 25 MiB; everything else is far smaller.
constexpr int kMessageBytesMax = 28 << 20;

// "127.0.0.1:7070" -> "127.0.0.1"
std::string host_of(const std::string& address) {
  return address.substr(0, address.rfind(':'));
}

// What gRPC has to say about a lost connection is said by our own code, in our own words.
void keep_grpc_quiet() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function([](gpr_log_func_args* args) {
      log_debug("grpc: {}", static_cast<const char*>(args->message));
    });
  });
}

}  // namespace

grpc::Status to_status(const Error& error) {
  return {static_cast<grpc::StatusCode>(error.code), error.message};
}

Error to_error(const grpc::Status& status) {
  return Error{static_cast<ErrorCode>(status.error_code()), status.error_message()};
}

std::shared_ptr<grpc::Channel> connect(const std::string& address, const TlsFiles& tls) {
  keep_grpc_quiet();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMinMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMaxMs);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kStreamWindowBytes);
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  return grpc::CreateCustomChannel(address, channel_credentials(tls), arguments);
}

Result<std::unique_ptr<Server>> Server::create(const std::string& address,
                                               const std::vector<grpc::Service*>& services,
                                               const TlsFiles& tls) {
  keep_grpc_quiet();
  ISOPOP_TRY(check_tls_files(tls));
  int port = 0;
  grpc::ServerBuilder builder;
  // Without SO_REUSEPORT a second server on the address fails instead of taking half the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.SetMaxReceiveMessageSize(kMessageBytesMax);
  builder.AddListeningPort(address, server_credentials(tls), &port);
  for (grpc::Service* service : services) builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    return Error{
        ErrorCode::kAlreadyExists,
        fmt::format("cannot listen on {}: the address is in use or not this machine's", address)};
  }
  return std::unique_ptr<Server>(
      new Server(std::move(server), fmt::format("{}:{}", host_of(address), port)));
}

Server::~Server() {
  shutdown(std::chrono::milliseconds(0));
}

void Server::shutdown(std::chrono::milliseconds deadline) {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now() + deadline);
  server_->Wait();
  server_ = nullptr;
}

}  // namespace isopop::rpc
