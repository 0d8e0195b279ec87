#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>

#include "common/result/result.h"
#include "common/rpc/tls_files.h"
#include "control_plane/cli/interrupt.h"
#include "isopop/v1/control.grpc.pb.h"

namespace isopop::control::cli {

// A refused call: the error and, for deployments, where in the code.
struct CallError {
  Error error;
  std::optional<v1::WorkerError> fault;
};

// What the reader of a stream wants after a message.
enum class Next { kGoOn, kStop };

// The control plane as popctl sees it: blocking calls with deadlines, of any service, by the method
// of its stub:
//
//   ISOPOP_TRY_ASSIGN(const v1::Status status, client.call(&v1::Control::Stub::GetStatus, {}));
//
// Errors are for people: codes as on the wire, gRPC's own words replaced. Not thread-safe.
class ControlClient final {
 public:
  static constexpr std::chrono::seconds kCallTimeout{10};
  // Of streams that have no end of their own.
  static constexpr std::chrono::nanoseconds kNoTimeout = std::chrono::nanoseconds::max();

  // `token`: who calls; empty for nobody. UNAVAILABLE, with the address, when nobody takes the
  // connection within two seconds; UNAUTHENTICATED when TLS is why; any other error is about the
  // files.
  [[nodiscard]] static Result<std::unique_ptr<ControlClient>> connect(const std::string& address,
                                                                      const rpc::TlsFiles& tls,
                                                                      std::string token = {});

  template <typename Stub, typename Request, typename Response>
  [[nodiscard]] Result<Response> call(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                   const Request&, Response*),
                                      const std::type_identity_t<Request>& request,
                                      std::chrono::nanoseconds timeout = kCallTimeout) {
    grpc::ClientContext context;
    prepare(context, timeout);
    Stub stub(channel_);
    Response response;
    const grpc::Status status = (stub.*method)(&context, request, &response);
    if (!status.ok()) return describe(status);
    return response;
  }

  // Hands each message to `on_message` until it wants no more or the stream ends. DEADLINE_EXCEEDED
  // after `timeout`, with gRPC's words: it is the caller's own.
  template <typename Stub, typename Request, typename Response>
  [[nodiscard]] Result<void> stream(
      std::unique_ptr<grpc::ClientReader<Response>> (Stub::*method)(grpc::ClientContext*,
                                                                    const Request&),
      const std::type_identity_t<Request>& request, std::chrono::nanoseconds timeout,
      const std::type_identity_t<std::function<Next(const Response&)>>& on_message) {
    grpc::ClientContext context;
    prepare(context, timeout);
    Stub stub(channel_);
    const auto reader = (stub.*method)(&context, request);
    return read_all(*reader, context, on_message);
  }

  // The same until the stream ends, or somebody presses Ctrl-C, which is no error.
  template <typename Stub, typename Request, typename Response>
  [[nodiscard]] Result<void> stream_until_interrupted(
      std::unique_ptr<grpc::ClientReader<Response>> (Stub::*method)(grpc::ClientContext*,
                                                                    const Request&),
      const std::type_identity_t<Request>& request,
      const std::type_identity_t<std::function<Next(const Response&)>>& on_message) {
    grpc::ClientContext context;
    prepare(context, kNoTimeout);
    Stub stub(channel_);
    const auto reader = (stub.*method)(&context, request);
    const InterruptWatch watch([&context] { context.TryCancel(); });
    return read_all(*reader, context, on_message);
  }

  using Deployed = std::variant<v1::DeployResponse, CallError>;
  [[nodiscard]] Deployed deploy(const v1::DeployRequest::Start& start, const std::string& bundle);

  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  ControlClient(std::string address, std::string token, std::shared_ptr<grpc::Channel> channel);
  void prepare(grpc::ClientContext& context, std::chrono::nanoseconds timeout) const;
  [[nodiscard]] Error describe(const grpc::Status& status) const;
  template <typename Response>
  [[nodiscard]] Result<void> read_all(
      grpc::ClientReader<Response>& reader, grpc::ClientContext& context,
      const std::type_identity_t<std::function<Next(const Response&)>>& on_message) const {
    Response message;
    while (reader.Read(&message)) {
      if (on_message(message) == Next::kGoOn) continue;
      context.TryCancel();
      break;
    }
    return outcome_of(reader.Finish());
  }
  // Of a stream; that it was cancelled here is no error.
  [[nodiscard]] Result<void> outcome_of(const grpc::Status& status) const;

  std::string address_;
  std::string token_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace isopop::control::cli
