#include "control_plane/rpc/deployer.h"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "common/log/log.h"
#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/kv/kv_table.h"
#include "control_plane/registry/deployment_rules.h"
#include "control_plane/registry/names.h"
#include "control_plane/rollout/plan.h"
#include "control_plane/rpc/publish.h"

namespace isopop::control {
namespace {

DeployFailure invalid_worker(const Error& error) {
  v1::WorkerError fault;
  fault.set_message(error.message);
  return {.error = error, .fault = std::move(fault)};
}

Error describe(const v1::WorkerError& fault) {
  std::string place = fault.module();
  if (fault.line() > 0) place += fmt::format(":{}", fault.line());
  if (fault.line() > 0 && fault.column() > 0) place += fmt::format(":{}", fault.column());
  if (!place.empty()) place += ": ";
  return invalid_argument(fmt::format("{}{}", place, fault.message()));
}

Result<void> check_bindings(Registry& registry, const v1::WorkerSettings& settings) {
  const SystemClock clock;
  KvTable namespaces(registry.database(), clock);
  for (const v1::KvBinding& binding : settings.kv()) {
    ISOPOP_TRY(namespaces.check_namespace(binding.namespace_()).with_context(binding.name()));
  }
  return {};
}

}  // namespace

Deployer::Deployer(ControlLoop& loop, Store& store, MetricsRegistry& metrics,
                   const Options& options)
    : loop_(loop),
      store_(store),
      metrics_(metrics),
      options_(options),
      threads_(options.checks_at_once) {
  options_.check.stop = stop_.get_token();
}

Deployer::~Deployer() {
  stop();
  threads_.join();
}

Result<void> Deployer::check_start(const v1::DeployRequest::Start& start) const {
  ISOPOP_TRY(check_worker_name(start.worker()));
  ISOPOP_TRY(canonical_routes({start.routes().begin(), start.routes().end()}));
  ISOPOP_TRY(check_settings(start.settings()));
  ISOPOP_TRY(check_author(start.author()));
  ISOPOP_TRY(check_message(start.message()));
  ISOPOP_TRY(check_tag(start.tag()));
  ISOPOP_TRY(Plan::parse(start.plan()));
  return {};
}

std::unique_ptr<Deployer::UploadSlot> Deployer::begin_upload() {
  const bool is_free = uploads_.fetch_add(1) < options_.uploads_max;
  auto slot = std::make_unique<UploadSlot>(uploads_);
  return is_free ? std::move(slot) : nullptr;
}

void Deployer::deploy(Upload upload, Done done) {
  if (waiting_.fetch_add(1) >= options_.waiting_max) {
    waiting_.fetch_sub(1);
    return done(
        DeployFailure{.error = {ErrorCode::kResourceExhausted,
                                "too many deployments wait for their check; try again in a moment"},
                      .fault = std::nullopt});
  }
  asio::post(threads_, [this, upload = std::move(upload), done = std::move(done)] {
    Outcome outcome = run(upload);
    const bool ok = std::holds_alternative<v1::DeployResponse>(outcome);
    metrics_
        .counter("isopop_control_deployments_total", "Deployments by outcome.",
                 {{"outcome", ok ? "done" : "refused"}})
        .increment();
    waiting_.fetch_sub(1);
    // The answer follows the news on the loop, so whoever gets it finds the version live.
    loop_.post([done, outcome = std::move(outcome)] { done(outcome); });
  });
}

Deployer::Outcome Deployer::run(const Upload& upload) {
  const v1::DeployRequest::Start& start = upload.start;
  const auto refused = [](const Error& error) {
    return DeployFailure{.error = error, .fault = std::nullopt};
  };
  Result<CanonicalBundle> bundle =
      canonical_bundle(upload.bundle, limits_for(start.settings(), options_.bundle_limits));
  if (!bundle.ok()) return invalid_worker(bundle.error());
  Result<std::vector<std::string>> routes =
      canonical_routes({start.routes().begin(), start.routes().end()});
  if (!routes.ok()) return refused(routes.error());
  const NewVersion wanted{.worker = start.worker(),
                          .routes = std::move(routes).value(),
                          .settings = start.settings(),
                          .bundle = std::move(bundle).value(),
                          .author = start.author().empty() ? upload.actor.name : start.author(),
                          .message = start.message(),
                          .tag = start.tag()};

  // Asked before the check, so that a conflict is known at once; the commit asks again.
  Result<v1::DeployResponse> preview = ask(upload, wanted, Write::kDryRun);
  if (!preview.ok()) return refused(preview.error());
  if (preview.value().unchanged()) return std::move(preview).value();

  const Result<std::optional<v1::WorkerError>> checked =
      check_worker(options_.check, wanted.bundle.bytes);
  if (!checked.ok()) {
    log_error("{}: {}", wanted.worker, checked.error().message);
    return refused(checked.error());
  }
  if (const std::optional<v1::WorkerError>& fault = checked.value()) {
    return DeployFailure{.error = describe(*fault), .fault = fault};
  }
  if (start.dry_run()) return std::move(preview).value();
  Result<v1::DeployResponse> committed = ask(upload, wanted, Write::kKeep);
  if (!committed.ok()) return refused(committed.error());
  return std::move(committed).value();
}

Result<v1::DeployResponse> Deployer::ask(const Upload& upload, const NewVersion& wanted,
                                         Write write) {
  return store_.call([this, &upload, &wanted, write](Registry& registry) {
    const Result<void> bound = check_bindings(registry, wanted.settings);
    if (!bound.ok()) return Result<v1::DeployResponse>(bound.error());
    return upload.start.upload_only() ? keep(registry, upload, wanted, write)
                                      : deploy(registry, upload, wanted, write);
  });
}

Result<v1::DeployResponse> Deployer::keep(Registry& registry, const Upload& upload,
                                          const NewVersion& wanted, Write write) {
  ISOPOP_TRY_ASSIGN(Registry::Uploaded uploaded,
                    registry.upload(wanted, upload.expected, write, upload.actor));
  v1::DeployResponse response;
  *response.mutable_version() = std::move(uploaded.version);
  response.set_unchanged(uploaded.unchanged);
  return response;
}

Result<v1::DeployResponse> Deployer::deploy(Registry& registry, const Upload& upload,
                                            const NewVersion& wanted, Write write) {
  ISOPOP_TRY_ASSIGN(
      Registry::Deployed deployed,
      registry.deploy(wanted, upload.start.plan(), upload.expected, write, upload.actor));
  if (write == Write::kKeep && !deployed.unchanged) {
    log_info("{} v{} is committed as deployment {} ({}, bundle {})", wanted.worker,
             deployed.version.number(), deployed.deployment.number(),
             format_bytes(deployed.version.bundle_bytes()),
             deployed.version.bundle_sha256().substr(0, 12));
    publish(loop_, registry, wanted.worker);
  }
  v1::DeployResponse response;
  *response.mutable_version() = std::move(deployed.version);
  *response.mutable_deployment() = std::move(deployed.deployment);
  response.set_unchanged(deployed.unchanged);
  return response;
}

}  // namespace isopop::control
