#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/result/result.h"
#include "common/rpc/tls_files.h"
#include "isopop/v1/control.grpc.pb.h"

namespace isopop::control::cli {

// A refused call: the error and, for deployments, where in the code.
struct CallError {
  Error error;
  std::optional<v1::WorkerError> fault;
};

// The control plane as popctl sees it: blocking calls with deadlines. Not thread-safe.
class ControlClient final {
 public:
  // UNAVAILABLE, with the address, when nobody takes the connection within two seconds;
  // UNAUTHENTICATED when TLS is why; any other error is about the files.
  [[nodiscard]] static Result<std::unique_ptr<ControlClient>> connect(const std::string& address,
                                                                      const rpc::TlsFiles& tls);

  [[nodiscard]] Result<v1::ListWorkersResponse> list_workers();
  [[nodiscard]] Result<v1::ListVersionsResponse> list_versions(const std::string& worker);
  [[nodiscard]] Result<v1::ListPopsResponse> list_pops();
  [[nodiscard]] Result<v1::Status> status();
  [[nodiscard]] Result<void> delete_worker(const std::string& worker);

  using Deployed = std::variant<v1::DeployResponse, CallError>;
  [[nodiscard]] Deployed deploy(const v1::DeployRequest::Start& start, const std::string& bundle);

  // Calls `on_progress` for each message and gives the last. DEADLINE_EXCEEDED after `timeout`.
  [[nodiscard]] Result<v1::VersionProgress> watch_version(
      const std::string& worker, std::uint64_t number, std::chrono::nanoseconds timeout,
      const std::function<void(const v1::VersionProgress&)>& on_progress);

  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  ControlClient(std::string address, std::shared_ptr<grpc::Channel> channel);
  [[nodiscard]] Error describe(const grpc::Status& status) const;

  std::string address_;
  std::unique_ptr<v1::Control::Stub> stub_;
};

// Where the control plane is, from what the user said: the endpoint if one was given, else the file
// in the state folder. NOT_FOUND when no control plane runs on that folder.
[[nodiscard]] Result<std::string> find_endpoint(const std::string& endpoint,
                                                const std::string& state_folder);

}  // namespace isopop::control::cli
