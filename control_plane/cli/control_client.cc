#include "control_plane/cli/control_client.h"

#include <fmt/format.h>

#include <utility>

#include "common/rpc/rpc.h"
#include "common/rpc/tls_credentials.h"
#include "control_plane/rpc/error_details.h"

namespace isopop::control::cli {
namespace {

// Refused connections are tried again for so long; one that was taken but not answered (a machine
// that is starting hundreds of processes) gets more time.
constexpr std::chrono::seconds kConnectTimeout{2};
constexpr std::chrono::seconds kGreetingTimeout{8};
// An upload of 10 MiB, the checks before it and its own.
constexpr std::chrono::seconds kDeployTimeout{120};
constexpr std::size_t kPieceBytes = 256 * 1024;

void set_deadline(grpc::ClientContext& context, std::chrono::nanoseconds timeout) {
  const gpr_timespec span = gpr_time_from_nanos(timeout.count(), GPR_TIMESPAN);
  context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), span));
}

// A channel does not say why it has no connection, but a call through it does.
std::string why_not_by_tls(const std::shared_ptr<grpc::Channel>& channel,
                           const rpc::TlsFiles& tls) {
  grpc::ClientContext context;
  set_deadline(context, kConnectTimeout);
  v1::Status response;
  const grpc::Status status = v1::Control::NewStub(channel)->GetStatus(&context, {}, &response);
  return rpc::explain_tls(status, tls);
}

}  // namespace

ControlClient::ControlClient(std::string address, std::string token,
                             std::shared_ptr<grpc::Channel> channel)
    : address_(std::move(address)), token_(std::move(token)), channel_(std::move(channel)) {}

Result<std::unique_ptr<ControlClient>> ControlClient::connect(const std::string& address,
                                                              const rpc::TlsFiles& tls,
                                                              std::string token) {
  ISOPOP_TRY(rpc::check_tls_files(tls));
  std::shared_ptr<grpc::Channel> channel = rpc::connect(address, tls);
  const auto connected_within = [&channel](std::chrono::seconds timeout) {
    return channel->WaitForConnected(gpr_time_add(
        gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(timeout.count(), GPR_TIMESPAN)));
  };
  const bool connected =
      connected_within(kConnectTimeout) ||
      (channel->GetState(false) == GRPC_CHANNEL_CONNECTING && connected_within(kGreetingTimeout));
  if (!connected) {
    const std::string about_tls = why_not_by_tls(channel, tls);
    if (about_tls.empty()) {
      return unavailable(fmt::format("the control plane at {} does not answer", address));
    }
    return Error{ErrorCode::kUnauthenticated,
                 fmt::format("no connection to the control plane at {}: {}", address, about_tls)};
  }
  return std::unique_ptr<ControlClient>(
      new ControlClient(address, std::move(token), std::move(channel)));
}

void ControlClient::prepare(grpc::ClientContext& context, std::chrono::nanoseconds timeout) const {
  if (timeout != kNoTimeout) set_deadline(context, timeout);
  if (!token_.empty()) context.AddMetadata("authorization", fmt::format("Bearer {}", token_));
}

Error ControlClient::describe(const grpc::Status& status) const {
  Error error = rpc::to_error(status);
  // gRPC's own words ("failed to connect to all addresses; last error: ...") help nobody.
  if (error.code == ErrorCode::kUnavailable) {
    error.message = fmt::format("the control plane at {} went away: {}", address_, error.message);
  } else if (error.code == ErrorCode::kDeadlineExceeded) {
    error.message = fmt::format("the control plane at {} did not answer in time", address_);
  } else if (error.code == ErrorCode::kUnimplemented) {
    error.message =
        fmt::format("the control plane at {} is of another release than this popctl", address_);
  }
  return error;
}

Result<void> ControlClient::outcome_of(const grpc::Status& status) const {
  if (status.ok() || status.error_code() == grpc::StatusCode::CANCELLED) return {};
  // Here the deadline is the caller's own, not the control plane's fault.
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) return rpc::to_error(status);
  return describe(status);
}

ControlClient::Deployed ControlClient::deploy(const v1::DeployRequest::Start& start,
                                              const std::string& bundle) {
  grpc::ClientContext context;
  prepare(context, kDeployTimeout);
  v1::Control::Stub stub(channel_);
  v1::DeployResponse response;
  const auto writer = stub.Deploy(&context, &response);
  v1::DeployRequest part;
  *part.mutable_start() = start;
  part.mutable_start()->set_bundle_bytes(bundle.size());
  // A write that fails means the control plane has answered already: Finish() says what.
  bool open = writer->Write(part);
  for (std::size_t offset = 0; open && offset < bundle.size(); offset += kPieceBytes) {
    part.set_bundle_data(bundle.substr(offset, kPieceBytes));
    open = writer->Write(part);
  }
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (status.ok()) return response;
  return CallError{.error = describe(status), .fault = worker_error_of(status)};
}

}  // namespace isopop::control::cli
