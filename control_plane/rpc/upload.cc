#include "control_plane/rpc/upload.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "common/units/units.h"
#include "control_plane/rpc/error_details.h"

namespace isopop::control {
namespace {

// gRPC calls one method at a time until Finish, and none while the store is asked; after it, only
// the deployer's answer and OnDone come, each once, so no state is shared between threads.
class UploadReactor final : public grpc::ServerReadReactor<v1::DeployRequest>,
                            public std::enable_shared_from_this<UploadReactor> {
 public:
  UploadReactor(const UploadParts& parts, grpc::CallbackServerContext& context,
                v1::DeployResponse& response)
      : parts_(parts), context_(context), response_(response) {}

  void start() {
    self_ = shared_from_this();
    StartRead(&part_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return complete();
    if (part_.has_start()) return begin();
    const Result<void> taken = take_data();
    if (!taken.ok()) return refuse(taken.error());
    StartRead(&part_);
  }

  void OnDone() override { self_.reset(); }

 private:
  void begin() {
    const Result<void> taken = take_start();
    if (!taken.ok()) return refuse(taken.error());
    const v1::DeployRequest::Start& start = upload_.start;
    if (start.expected_deployment() > 0) upload_.expected = start.expected_deployment() - 1;
    // Versions get numbers of their own: only deployments can be in each other's way.
    if (upload_.expected || start.upload_only()) return StartRead(&part_);
    const bool asked = parts_.store.post([this](Registry& registry) {
      const Result<std::uint64_t> newest = registry.newest_deployment(upload_.start.worker());
      if (!newest.ok()) return refuse(newest.error());
      upload_.expected = newest.value();
      StartRead(&part_);
    });
    if (!asked) refuse(Store::busy_error());
  }

  Result<void> take_start() {
    if (started_) return invalid_argument("a second start in one upload");
    started_ = true;
    upload_.start = part_.start();
    ISOPOP_TRY_ASSIGN(upload_.actor, parts_.authorizer.authorize(context_, Permission::kDeploy,
                                                                 upload_.start.worker()));
    slot_ = parts_.deployer.begin_upload();
    if (slot_ == nullptr) {
      return Error{ErrorCode::kResourceExhausted, "too many uploads at once; try again"};
    }
    ISOPOP_TRY(parts_.deployer.check_start(upload_.start));
    return check_size(upload_.start.bundle_bytes());
  }

  Result<void> take_data() {
    if (!started_) return invalid_argument("an upload begins with its start");
    upload_.bundle += part_.bundle_data();
    if (upload_.bundle.size() > upload_.start.bundle_bytes()) {
      return invalid_argument("the upload is longer than it said");
    }
    return {};
  }

  Result<void> check_size(std::uint64_t bundle_bytes) {
    const std::uint64_t bytes_max = parts_.deployer.bundle_bytes_max(upload_.start.settings());
    if (bundle_bytes <= bytes_max) return {};
    too_large_ = true;
    return invalid_argument(fmt::format("the worker is {}; at most {} of code are allowed",
                                        format_bytes(bundle_bytes), format_bytes(bytes_max)));
  }

  void complete() {
    if (context_.IsCancelled()) return Finish(grpc::Status::CANCELLED);
    if (!started_ || upload_.bundle.size() != upload_.start.bundle_bytes()) {
      return refuse(invalid_argument(
          fmt::format("the upload was cut off after {} of {} bytes; nothing was deployed",
                      upload_.bundle.size(), upload_.start.bundle_bytes())));
    }
    // The call stays open until Finish, and with it this object.
    parts_.deployer.deploy(std::move(upload_),
                           [this](const std::variant<v1::DeployResponse, DeployFailure>& outcome) {
                             answer(outcome);
                           });
  }

  void answer(const std::variant<v1::DeployResponse, DeployFailure>& outcome) {
    if (const auto* failure = std::get_if<DeployFailure>(&outcome)) {
      return Finish(to_status(failure->error, failure->fault));
    }
    response_ = std::get<v1::DeployResponse>(outcome);
    Finish(grpc::Status::OK);
  }

  void refuse(const Error& error) {
    std::optional<v1::WorkerError> fault;
    if (too_large_) fault.emplace().set_message(error.message);
    Finish(to_status(error, fault));
  }

  const UploadParts parts_;
  grpc::CallbackServerContext& context_;
  v1::DeployResponse& response_;
  std::shared_ptr<UploadReactor> self_;
  v1::DeployRequest part_;
  Deployer::Upload upload_;
  std::unique_ptr<Deployer::UploadSlot> slot_;
  bool started_ = false;
  bool too_large_ = false;
};

}  // namespace

grpc::ServerReadReactor<v1::DeployRequest>* start_upload(const UploadParts& parts,
                                                         grpc::CallbackServerContext& context,
                                                         v1::DeployResponse& response) {
  const auto reactor = std::make_shared<UploadReactor>(parts, context, response);
  reactor->start();
  return reactor.get();
}

}  // namespace isopop::control
