#pragma once

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/process/child.h"
#include "common/result/result.h"
#include "common/time/clock.h"
#include "isopop/v1/control.grpc.pb.h"
#include "isopop/v1/kv.grpc.pb.h"
#include "isopop/v1/rollout.grpc.pb.h"

namespace isopop::test {

// A worker's code of about that many bytes that no other call gives again.
[[nodiscard]] std::string worker_code(std::size_t bytes);

// What people and programs ask a control plane for, as an administrator of it.
class ControlPlaneClient final {
 public:
  ControlPlaneClient(const std::string& address, std::string ca, std::string token);

  // Uploads and deploys at once everywhere.
  [[nodiscard]] Result<v1::DeployResponse> deploy(const std::string& worker,
                                                  const std::string& code,
                                                  const std::vector<v1::KvBinding>& kv = {});
  // Waits until each of so many PoPs has answered.
  [[nodiscard]] Result<v1::Convergence> converged(const std::string& worker, std::uint64_t number,
                                                  std::size_t pops);
  [[nodiscard]] Result<std::vector<v1::Pop>> pops();
  // How long until so many are ready; an error after a minute.
  [[nodiscard]] Result<std::chrono::nanoseconds> until_ready(std::size_t pops);
  [[nodiscard]] Result<std::uint64_t> versions(const std::string& worker);

  // A call's context, with who asks.
  [[nodiscard]] std::unique_ptr<grpc::ClientContext> context() const;
  [[nodiscard]] v1::Kv::Stub& kv() { return *kv_; }

 private:
  std::string token_;
  SystemClock clock_;
  std::unique_ptr<v1::Control::Stub> control_;
  std::unique_ptr<v1::Rollouts::Stub> rollouts_;
  std::unique_ptr<v1::Kv::Stub> kv_;
};

// A network of real processes by `isopop up`, on a state folder of its own; taken down with the
// object.
class BenchNetwork final {
 public:
  [[nodiscard]] static Result<std::unique_ptr<BenchNetwork>> up(
      std::size_t pops, const std::vector<std::string>& more_arguments = {});
  ~BenchNetwork();
  BenchNetwork(const BenchNetwork&) = delete;
  BenchNetwork& operator=(const BenchNetwork&) = delete;

  [[nodiscard]] ControlPlaneClient& client() { return *client_; }
  [[nodiscard]] std::size_t pops() const { return pops_; }
  [[nodiscard]] const std::string& router() const { return router_; }

  // SIGKILL, and started again with the same arguments.
  [[nodiscard]] Result<void> kill_control_plane();
  [[nodiscard]] Result<void> start_control_plane();
  // VmRSS.
  [[nodiscard]] Result<std::uint64_t> control_plane_memory_bytes() const;

 private:
  BenchNetwork(TempFolder folder, std::size_t pops) : folder_(std::move(folder)), pops_(pops) {}
  [[nodiscard]] std::string state() const { return (folder_.path() / "state").string(); }
  [[nodiscard]] Result<void> find_control_plane();

  TempFolder folder_;
  std::size_t pops_;
  std::string router_;
  std::unique_ptr<ControlPlaneClient> client_;
  pid_t control_pid_ = -1;
  std::vector<std::string> control_arguments_;
  std::optional<Child> restarted_;
};

// Of a process: what is in memory now, and the processor time it has used.
[[nodiscard]] Result<std::uint64_t> resident_bytes(pid_t pid);
[[nodiscard]] Result<std::chrono::nanoseconds> processor_time(pid_t pid);

}  // namespace isopop::test
