#include "control_plane/rpc/rollout_service.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/log/log.h"
#include "common/rpc/rpc.h"
#include "control_plane/registry/names.h"
#include "control_plane/rpc/publish.h"
#include "control_plane/rpc/pull_stream.h"
#include "control_plane/rpc/refusal.h"

namespace isopop::control {
namespace {

constexpr std::size_t kReasonBytesMax = 4096;

// What is known of a deployment: all the loop knows, and else what the registry kept of it.
v1::Rollout rollout_of(const ControlLoop& loop, const v1::Deployment& deployment) {
  std::optional<v1::Rollout> known =
      loop.rollouts().rollout(deployment.worker(), deployment.number());
  const bool is_known = known.has_value();
  v1::Rollout rollout = std::move(known).value_or(v1::Rollout());
  // How it ended, only the registry knows for ever.
  if (!is_known || !is_under_way(deployment.state())) *rollout.mutable_deployment() = deployment;
  if (!is_known) rollout.set_done(!is_under_way(deployment.state()));
  return rollout;
}

// Follows one deployment until it has ended and, when it became live, every connected PoP has
// answered.
class RolloutWatch final : public PullStream<v1::Rollout> {
 public:
  RolloutWatch(ControlLoop& loop, const v1::GetDeploymentRequest& request)
      : PullStream(loop), worker_(request.worker()), number_(request.number()) {}

  void worker_changed(const std::string& worker) override {
    if (worker == worker_) look();
  }
  void pops_changed(const std::set<std::string>& /*ids*/) override { look(); }
  void ticked() override { look(); }

 private:
  void opened() override { ask(); }

  // The registry, at the beginning and once the loop knows no more of it.
  void ask() {
    asking_ = true;
    const bool taken = loop_.store().post([this, keep = shared_from_this()](Registry& registry) {
      loop_.post([this, keep, found = registry.deployment(worker_, number_)] {
        asking_ = false;
        if (!found.ok()) return finish(rpc::to_status(found.error()));
        deployment_ = found.value();
        number_ = deployment_->number();
        show();
      });
    });
    if (!taken) finish(rpc::to_status(Store::busy_error()));
  }

  void look() {
    if (!deployment_ || asking_) return;
    const std::optional<v1::Rollout> known = loop_.rollouts().rollout(worker_, number_);
    const bool has_ended = !known || !is_under_way(known->deployment().state());
    if (has_ended && is_under_way(deployment_->state())) return ask();
    show();
  }

  void show() {
    v1::Rollout now = rollout_of(loop_, *deployment_);
    std::string text = now.SerializeAsString();
    if (text == last_) return;
    last_ = std::move(text);
    waiting_ = std::move(now);
    pump_or_finish();
  }

  void pump_or_finish() {
    if (is_writing() || !waiting_) return;
    if (waiting_->done()) return finish_with(*std::exchange(waiting_, std::nullopt));
    pump();
  }

  std::optional<v1::Rollout> next() override {
    if (waiting_ && waiting_->done()) {
      finish_with(*std::exchange(waiting_, std::nullopt));
      return std::nullopt;
    }
    return std::exchange(waiting_, std::nullopt);
  }

  std::string worker_;
  std::uint64_t number_;
  std::optional<v1::Deployment> deployment_;  // as the registry had it
  std::optional<v1::Rollout> waiting_;        // to be written
  std::string last_;                          // what was written, or waits
  bool asking_ = false;
};

// On the store's thread.
Result<void> change_state(Registry& registry, const v1::ChangeRolloutRequest& request,
                          v1::DeploymentState state, const Actor& actor) {
  ISOPOP_TRY(registry.deployment(request.worker(), request.number()));
  ISOPOP_TRY_ASSIGN(const CurrentWorker now, registry.current(request.worker()));
  const bool is_meant =
      now.rolling && (request.number() == 0 || request.number() == now.rolling->number());
  if (!is_meant) {
    return Error{ErrorCode::kFailedPrecondition,
                 request.number() == 0
                     ? fmt::format("nothing rolls out of {}", in_quotes(request.worker()))
                     : fmt::format("deployment {} of {} is not rolling out", request.number(),
                                   in_quotes(request.worker()))};
  }
  const bool is_paused = now.rolling->state() == v1::DEPLOYMENT_STATE_PAUSED;
  if (state == v1::DEPLOYMENT_STATE_PAUSED && is_paused) {
    return Error{ErrorCode::kFailedPrecondition, "it is paused already"};
  }
  if (state == v1::DEPLOYMENT_STATE_ROLLING_OUT && !is_paused) {
    return Error{ErrorCode::kFailedPrecondition, "it is not paused"};
  }
  std::string reason = request.reason();
  if (reason.empty() && state != v1::DEPLOYMENT_STATE_ROLLING_OUT) {
    reason = fmt::format("by {}", actor.name);
  }
  ISOPOP_TRY(registry.set_deployment_state({.worker = request.worker(),
                                            .number = now.rolling->number(),
                                            .state = state,
                                            .wave = now.rolling->wave(),
                                            .reason = std::move(reason)},
                                           actor));
  return {};
}

// `answer(deployment)` fills the response in, on the loop.
template <typename Answer>
grpc::ServerUnaryReactor* tell_of(ControlLoop& loop, grpc::CallbackServerContext& context,
                                  const v1::GetDeploymentRequest& request, Answer answer) {
  grpc::ServerUnaryReactor* call = context.DefaultReactor();
  const bool taken = loop.store().post([&loop, call, &request, answer](Registry& registry) {
    loop.post([call, answer, found = registry.deployment(request.worker(), request.number())] {
      if (!found.ok()) return call->Finish(rpc::to_status(found.error()));
      answer(found.value());
      call->Finish(grpc::Status::OK);
    });
  });
  if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  return call;
}

}  // namespace

grpc::ServerUnaryReactor* RolloutService::GetRollout(grpc::CallbackServerContext* context,
                                                     const v1::GetDeploymentRequest* request,
                                                     v1::Rollout* response) {
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kRead);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  return tell_of(loop_, *context, *request, [this, response](const v1::Deployment& deployment) {
    *response = rollout_of(loop_, deployment);
  });
}

grpc::ServerWriteReactor<v1::Rollout>* RolloutService::WatchRollout(
    grpc::CallbackServerContext* context, const v1::GetDeploymentRequest* request) {
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kRead);
  if (!actor.ok()) {
    return refuse_stream<grpc::ServerWriteReactor<v1::Rollout>>(actor.error());
  }
  const auto watch = std::make_shared<RolloutWatch>(loop_, *request);
  watch->start();
  return watch.get();
}

grpc::ServerUnaryReactor* RolloutService::change(grpc::CallbackServerContext& context,
                                                 const v1::ChangeRolloutRequest& request,
                                                 v1::Rollout& response, v1::DeploymentState state) {
  const Result<Actor> actor = authorizer_.authorize(context, Permission::kDeploy, request.worker());
  if (!actor.ok()) return refuse_call(context, actor.error());
  if (request.reason().size() > kReasonBytesMax) {
    return refuse_call(
        context, invalid_argument(fmt::format("a reason has at most {} bytes", kReasonBytesMax)));
  }
  grpc::ServerUnaryReactor* call = context.DefaultReactor();
  const bool taken = loop_.store().post(
      [this, call, &request, &response, state, actor = actor.value()](Registry& registry) {
        const Result<void> changed = change_state(registry, request, state, actor);
        if (!changed.ok()) return call->Finish(rpc::to_status(changed.error()));
        publish(loop_, registry, request.worker());
        // Behind the news, so that the answer tells what it is now.
        loop_.post(
            [this, call, &response, now = registry.deployment(request.worker(), request.number())] {
              if (!now.ok()) return call->Finish(rpc::to_status(now.error()));
              response = rollout_of(loop_, now.value());
              *response.mutable_deployment() = now.value();
              call->Finish(grpc::Status::OK);
            });
      });
  if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  return call;
}

grpc::ServerUnaryReactor* RolloutService::PauseRollout(grpc::CallbackServerContext* context,
                                                       const v1::ChangeRolloutRequest* request,
                                                       v1::Rollout* response) {
  return change(*context, *request, *response, v1::DEPLOYMENT_STATE_PAUSED);
}

grpc::ServerUnaryReactor* RolloutService::ResumeRollout(grpc::CallbackServerContext* context,
                                                        const v1::ChangeRolloutRequest* request,
                                                        v1::Rollout* response) {
  return change(*context, *request, *response, v1::DEPLOYMENT_STATE_ROLLING_OUT);
}

grpc::ServerUnaryReactor* RolloutService::AbortRollout(grpc::CallbackServerContext* context,
                                                       const v1::ChangeRolloutRequest* request,
                                                       v1::Rollout* response) {
  return change(*context, *request, *response, v1::DEPLOYMENT_STATE_ABORTED);
}

grpc::ServerUnaryReactor* RolloutService::GetConvergence(grpc::CallbackServerContext* context,
                                                         const v1::GetDeploymentRequest* request,
                                                         v1::Convergence* response) {
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kRead);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  return tell_of(loop_, *context, *request, [this, response](const v1::Deployment& deployment) {
    *response = loop_.rollouts().convergence(deployment.worker(), deployment.number());
    *response->mutable_deployment() = deployment;
  });
}

}  // namespace isopop::control
