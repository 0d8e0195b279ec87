#include "control_plane/rpc/deployer.h"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "common/log/log.h"
#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/registry/names.h"

namespace isopop::control {
namespace {

constexpr std::size_t kAuthorBytesMax = 256;
constexpr std::size_t kMessageBytesMax = 4096;

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

v1::DeployResponse response_of(Registry::Deployed outcome) {
  v1::DeployResponse response;
  *response.mutable_version() = std::move(outcome.version);
  *response.mutable_deployment() = std::move(outcome.deployment);
  response.set_unchanged(outcome.unchanged);
  return response;
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
  if (start.author().size() > kAuthorBytesMax || start.message().size() > kMessageBytesMax) {
    return invalid_argument(fmt::format("author and message may have {} and {} bytes",
                                        kAuthorBytesMax, kMessageBytesMax));
  }
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
                          .author = start.author(),
                          .message = start.message(),
                          .tag = start.tag()};

  // Asked before the check, so that a conflict is known at once; the commit asks again.
  Result<Registry::Deployed> preview = store_.call([&](Registry& registry) {
    return registry.deploy(wanted, {}, std::nullopt, Write::kDryRun, {});
  });
  if (!preview.ok()) return refused(preview.error());
  if (preview.value().unchanged) return response_of(std::move(preview).value());

  const Result<std::optional<v1::WorkerError>> checked =
      check_worker(options_.check, wanted.bundle.bytes);
  if (!checked.ok()) {
    log_error("{}: {}", wanted.worker, checked.error().message);
    return refused(checked.error());
  }
  if (const std::optional<v1::WorkerError>& fault = checked.value()) {
    return DeployFailure{.error = describe(*fault), .fault = fault};
  }
  if (start.dry_run()) return response_of(std::move(preview).value());
  Result<Registry::Deployed> committed = commit(wanted);
  if (!committed.ok()) return refused(committed.error());
  return response_of(std::move(committed).value());
}

Result<Registry::Deployed> Deployer::commit(const NewVersion& wanted) {
  return store_.call([this, &wanted](Registry& registry) {
    Result<Registry::Deployed> outcome =
        registry.deploy(wanted, {}, std::nullopt, Write::kKeep, {});
    if (outcome.ok() && !outcome.value().unchanged) {
      // Posted from the store's thread: the loop hears of versions in the order of their commits.
      loop_.post([this, version = outcome.value().version, committed_at = SystemClock().now()] {
        log_info("{} v{} is live ({}, bundle {})", version.worker(), version.number(),
                 format_bytes(version.bundle_bytes()), version.bundle_sha256().substr(0, 12));
        loop_.distributor().set_live(version, committed_at);
        loop_.apply_effects();
      });
    }
    return outcome;
  });
}

}  // namespace isopop::control
