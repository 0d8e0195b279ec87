#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>

#include "common/metrics/metrics_registry.h"
#include "common/result/result.h"
#include "control_plane/access/actor.h"
#include "control_plane/registry/bundle.h"
#include "control_plane/registry/worker_check.h"
#include "control_plane/rpc/control_loop.h"
#include "isopop/v1/control.pb.h"

namespace isopop::control {

// A refused deployment: the error, and where in the worker's code when that is the reason.
struct DeployFailure {
  Error error;
  std::optional<v1::WorkerError> fault;
};

// Takes an upload to a version and, unless that is all, to a deployment of it: rules, conflicts,
// the check of the code in a process of its own, the commit, and the news to the loop. Runs on
// threads of its own, a few at once, so that a worker that takes long to check keeps nobody but
// other deployments waiting.
class Deployer final {
 public:
  struct Options {
    WorkerCheckOptions check;
    BundleLimits bundle_limits;
    std::size_t checks_at_once = 2;
    std::size_t waiting_max = 32;
    std::size_t uploads_max = 64;  // being received; each may hold a whole bundle in memory
  };
  struct Upload {
    v1::DeployRequest::Start start;
    std::string bundle;
    Actor actor;
    ExpectedDeployment expected;  // what it was when the upload began
  };
  // Called on the loop or, when turned away, at once.
  using Done = std::function<void(std::variant<v1::DeployResponse, DeployFailure>)>;

  Deployer(ControlLoop& loop, Store& store, MetricsRegistry& metrics, const Options& options);
  // Stops, and waits for the threads.
  ~Deployer();
  Deployer(const Deployer&) = delete;
  Deployer& operator=(const Deployer&) = delete;
  Deployer(Deployer&&) = delete;
  Deployer& operator=(Deployer&&) = delete;

  // What can be refused before the code is uploaded.
  [[nodiscard]] Result<void> check_start(const v1::DeployRequest::Start& start) const;
  // The largest serialised bundle worth receiving.
  [[nodiscard]] std::uint64_t bundle_bytes_max(const v1::WorkerSettings& settings) const {
    return limits_for(settings, options_.bundle_limits).code_bytes_max + kBundleOverheadBytesMax;
  }
  // One upload being received; gives its place back when it goes.
  class UploadSlot final {
   public:
    explicit UploadSlot(std::atomic<std::size_t>& count) : count_(count) {}
    ~UploadSlot() { count_.fetch_sub(1); }
    UploadSlot(const UploadSlot&) = delete;
    UploadSlot& operator=(const UploadSlot&) = delete;

   private:
    std::atomic<std::size_t>& count_;
  };
  // Null when too many are being received already. Thread-safe.
  [[nodiscard]] std::unique_ptr<UploadSlot> begin_upload();

  // Gives up the checks that run and those that wait. Thread-safe.
  void stop() { stop_.request_stop(); }
  // Thread-safe.
  void deploy(Upload upload, Done done);

 private:
  using Outcome = std::variant<v1::DeployResponse, DeployFailure>;
  [[nodiscard]] Outcome run(const Upload& upload);
  // Of the kept version, and of the deployment if there is to be one.
  [[nodiscard]] Result<v1::DeployResponse> ask(const Upload& upload, const NewVersion& wanted,
                                               Write write);
  // On the store's thread.
  [[nodiscard]] static Result<v1::DeployResponse> keep(Registry& registry, const Upload& upload,
                                                       const NewVersion& wanted, Write write);
  [[nodiscard]] Result<v1::DeployResponse> deploy(Registry& registry, const Upload& upload,
                                                  const NewVersion& wanted, Write write);

  ControlLoop& loop_;
  Store& store_;
  MetricsRegistry& metrics_;
  Options options_;
  std::stop_source stop_;
  std::atomic<std::size_t> waiting_ = 0;
  std::atomic<std::size_t> uploads_ = 0;
  asio::thread_pool threads_;
};

}  // namespace isopop::control
