#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "common/result/result.h"
#include "common/rpc/tls_files.h"

namespace isopop::rpc {

// gRPC set up the same way everywhere: mutual TLS where there are certificates, keep-alive so that
// a dead peer is noticed within seconds, reconnection with jittered back-off. Thread-safe.

// Errors cross the wire with code and message.
[[nodiscard]] grpc::Status to_status(const Error& error);
[[nodiscard]] Error to_error(const grpc::Status& status);

// Never blocks: gRPC connects when the first call is made, and again when the connection is lost.
// `tls` has been checked (check_tls_files): gRPC says nothing of files that it cannot use.
[[nodiscard]] std::shared_ptr<grpc::Channel> connect(const std::string& address,
                                                     const TlsFiles& tls = {});

// A server that could be bound. Serving begins in create() and ends with the object.
class Server final {
 public:
  // `services` outlive the object. Port 0 lets the kernel choose. ALREADY_EXISTS: address in use.
  // `tls` is checked here.
  [[nodiscard]] static Result<std::unique_ptr<Server>> create(
      const std::string& address, const std::vector<grpc::Service*>& services,
      const TlsFiles& tls = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  Server(Server&&) = delete;
  Server& operator=(Server&&) = delete;

  // "127.0.0.1:7070", with the port that was really bound.
  [[nodiscard]] const std::string& address() const { return address_; }
  // No new calls; those in flight have until the deadline, then they are cancelled. Idempotent.
  void shutdown(std::chrono::milliseconds deadline);

 private:
  Server(std::unique_ptr<grpc::Server> server, std::string address)
      : server_(std::move(server)), address_(std::move(address)) {}

  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace isopop::rpc
