#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control_plane/registry/audit_detail.h"
#include "control_plane/registry/deployment_rules.h"
#include "control_plane/registry/names.h"
#include "control_plane/registry/registry.h"

// The registry's deployments: what is live, what is under way, and how that changes.

namespace isopop::control {
namespace {

std::string object_of(const v1::Deployment& deployment) {
  return fmt::format("worker/{}/deployment/{}", deployment.worker(), deployment.number());
}

// "deployment 7 (v3 by alice at 2026-11-23T05:54:00.123Z)"
std::string describe(const v1::Deployment& deployment) {
  std::string versions;
  for (const v1::VersionShare& share : deployment.shares()) {
    versions += fmt::format("{}v{}", versions.empty() ? "" : ", ", share.number());
  }
  return fmt::format("deployment {} ({} by {} at {})", deployment.number(), versions,
                     deployment.author().empty() ? "somebody" : deployment.author(),
                     format_rfc3339(from_unix_ms(deployment.created_at_ms())));
}

std::string action_of(v1::DeploymentState state) {
  switch (state) {
    case v1::DEPLOYMENT_STATE_LIVE:
      return "deployment.live";
    case v1::DEPLOYMENT_STATE_ABORTED:
      return "deployment.abort";
    case v1::DEPLOYMENT_STATE_PAUSED:
      return "deployment.pause";
    default:
      return "deployment.wave";
  }
}

}  // namespace

Result<void> Registry::check_expected(const WorkerTable::Row& row, ExpectedDeployment expected) {
  if (!expected || *expected == row.last_deployment) return {};
  ISOPOP_TRY_ASSIGN(const std::optional<v1::Deployment> newest,
                    deployments_.find(row.name, row.last_deployment));
  if (!newest) {
    return Error{ErrorCode::kAborted, fmt::format("{} has no deployment {}", row.name, *expected)};
  }
  return Error{ErrorCode::kAborted,
               fmt::format("{} was deployed by somebody else meanwhile: {}; nothing was changed, "
                           "look at it and try again",
                           row.name, describe(*newest))};
}

Result<v1::Deployment> Registry::draft_deployment(const NewDeployment& wanted,
                                                  const WorkerTable::Row& row) {
  ISOPOP_TRY(check_shares(wanted.shares));
  ISOPOP_TRY(check_plan_size(wanted.plan));
  ISOPOP_TRY(check_stickiness(wanted.stickiness));
  ISOPOP_TRY_ASSIGN(const std::optional<v1::Deployment> live, deployments_.live(wanted.worker));
  const std::int64_t now_ms = to_unix_ms(clock_.wall_now());
  const bool at_once = is_at_once(wanted.plan);
  std::vector<v1::VersionShare> shares = wanted.shares;
  std::sort(shares.begin(), shares.end(), [](const auto& a, const auto& b) {
    return std::pair(a.weight(), a.number()) > std::pair(b.weight(), b.number());
  });
  v1::Deployment deployment;
  deployment.set_worker(wanted.worker);
  deployment.set_number(row.last_deployment + 1);
  for (const v1::VersionShare& share : shares) {
    v1::VersionShare& kept = *deployment.add_shares();
    kept.set_number(share.number());
    kept.set_weight(share.weight());
  }
  // Absent where nothing was asked for, as the table gives them back.
  if (wanted.stickiness.by_case() != v1::Stickiness::BY_NOT_SET) {
    *deployment.mutable_stickiness() = wanted.stickiness;
  }
  if (wanted.plan.ByteSizeLong() > 0) *deployment.mutable_plan() = wanted.plan;
  deployment.set_state(at_once ? v1::DEPLOYMENT_STATE_LIVE : v1::DEPLOYMENT_STATE_ROLLING_OUT);
  deployment.set_rolled_back_from(wanted.rolled_back_from);
  deployment.set_created_at_ms(now_ms);
  if (at_once) deployment.set_ended_at_ms(now_ms);
  deployment.set_author(wanted.author);
  deployment.set_message(wanted.message);
  deployment.set_base(live ? live->number() : 0);
  return deployment;
}

Result<void> Registry::keep_deployment(const v1::Deployment& deployment, WorkerTable::Row row,
                                       const Actor& actor) {
  row.last_deployment = deployment.number();
  row.deleted = false;
  ISOPOP_TRY(workers_.put(row));
  const std::string reason = fmt::format("deployment {} took its place", deployment.number());
  ISOPOP_TRY_ASSIGN(std::optional<v1::Deployment> rolling,
                    deployments_.under_way(deployment.worker()));
  ISOPOP_TRY(supersede(std::move(rolling), reason));
  if (deployment.state() == v1::DEPLOYMENT_STATE_LIVE) {
    ISOPOP_TRY_ASSIGN(std::optional<v1::Deployment> live, deployments_.live(deployment.worker()));
    ISOPOP_TRY(supersede(std::move(live), reason));
  }
  ISOPOP_TRY(deployments_.insert(deployment));
  ISOPOP_TRY(claim_routes(deployment.worker()));
  return audit(actor,
               deployment.rolled_back_from() == 0 ? "deployment.create" : "deployment.rollback",
               object_of(deployment), audit_detail(deployment));
}

Result<v1::Deployment> Registry::create_deployment(const NewDeployment& wanted, Write write,
                                                   const Actor& actor) {
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  ISOPOP_TRY_ASSIGN(const WorkerTable::Row row, existing(wanted.worker));
  ISOPOP_TRY(check_expected(row, wanted.expected));
  ISOPOP_TRY_ASSIGN(v1::Deployment deployment, draft_deployment(wanted, row));
  ISOPOP_TRY(check_versions(deployment));
  if (write == Write::kDryRun) return deployment;
  ISOPOP_TRY(keep_deployment(deployment, row, actor));
  ISOPOP_TRY(transaction.commit());
  return deployment;
}

Result<v1::Deployment> Registry::rollback(const RollbackTerms& terms, Write write,
                                          const Actor& actor) {
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  ISOPOP_TRY_ASSIGN(const WorkerTable::Row row, existing(terms.worker));
  ISOPOP_TRY(check_expected(row, terms.expected));
  ISOPOP_TRY_ASSIGN(const NewDeployment wanted, draft_rollback(terms));
  ISOPOP_TRY_ASSIGN(v1::Deployment deployment, draft_deployment(wanted, row));
  ISOPOP_TRY(check_versions(deployment));
  if (write == Write::kDryRun) return deployment;
  ISOPOP_TRY(keep_deployment(deployment, row, actor));
  ISOPOP_TRY(transaction.commit());
  return deployment;
}

Result<NewDeployment> Registry::draft_rollback(const RollbackTerms& terms) {
  ISOPOP_TRY_ASSIGN(const std::optional<v1::Deployment> rolling,
                    deployments_.under_way(terms.worker));
  ISOPOP_TRY_ASSIGN(const std::optional<v1::Deployment> live, deployments_.live(terms.worker));
  if (!rolling && !live) {
    return Error{
        ErrorCode::kFailedPrecondition,
        fmt::format("nothing of {} is live; there is nothing to go back from", terms.worker)};
  }
  NewDeployment wanted{.worker = terms.worker,
                       .shares = {},
                       .stickiness = {},
                       .plan = {},
                       .expected = terms.expected,
                       .author = terms.author,
                       .message = terms.message,
                       .rolled_back_from = rolling ? rolling->number() : live->number()};
  if (terms.version != 0) {
    v1::VersionShare share;
    share.set_number(terms.version);
    share.set_weight(kWeightTotal);
    wanted.shares.push_back(share);
    return wanted;
  }
  std::optional<v1::Deployment> target = live;
  if (!rolling) {
    ISOPOP_TRY_ASSIGN(const std::vector<v1::Deployment> good, deployments_.good(terms.worker));
    target = rollback_target(*live, good);
  }
  if (!target) {
    return Error{ErrorCode::kFailedPrecondition,
                 fmt::format("{} has no earlier deployment that was good; say which version it is "
                             "to have, or deploy another one",
                             terms.worker)};
  }
  wanted.shares.assign(target->shares().begin(), target->shares().end());
  wanted.stickiness = target->stickiness();
  return wanted;
}

Result<v1::Deployment> Registry::set_deployment_state(const DeploymentChange& change,
                                                      const Actor& actor) {
  ISOPOP_ASSERT(is_under_way(change.state) || change.state == v1::DEPLOYMENT_STATE_LIVE ||
                    change.state == v1::DEPLOYMENT_STATE_ABORTED,
                "a state that a deployment can be brought to");
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  ISOPOP_TRY_ASSIGN(std::optional<v1::Deployment> deployment,
                    deployments_.find(change.worker, change.number));
  if (!deployment) {
    return not_found(
        fmt::format("{} has no deployment {}", in_quotes(change.worker), change.number));
  }
  if (!is_under_way(deployment->state())) {
    return Error{ErrorCode::kFailedPrecondition,
                 fmt::format("{} of {} is not rolling out", describe(*deployment), change.worker)};
  }
  deployment->set_state(change.state);
  deployment->set_wave(change.wave);
  deployment->set_reason(change.reason);
  if (!is_under_way(change.state)) deployment->set_ended_at_ms(to_unix_ms(clock_.wall_now()));
  if (change.state == v1::DEPLOYMENT_STATE_LIVE) {
    ISOPOP_TRY_ASSIGN(std::optional<v1::Deployment> live, deployments_.live(change.worker));
    ISOPOP_TRY(
        supersede(std::move(live), fmt::format("deployment {} took its place", change.number)));
  }
  ISOPOP_TRY(deployments_.update(*deployment));
  ISOPOP_TRY(claim_routes(change.worker));
  ISOPOP_TRY(
      audit(actor, action_of(change.state), object_of(*deployment), audit_detail(*deployment)));
  ISOPOP_TRY(transaction.commit());
  return *std::move(deployment);
}

Result<CurrentWorker> Registry::current(const std::string& worker) {
  CurrentWorker now{.worker = worker};
  ISOPOP_TRY_ASSIGN(now.base, deployments_.live(worker));
  ISOPOP_TRY_ASSIGN(now.rolling, deployments_.under_way(worker));
  for (const std::optional<v1::Deployment>* deployment : {&now.base, &now.rolling}) {
    if (!*deployment) continue;
    for (const v1::VersionShare& share : (*deployment)->shares()) {
      if (now.versions.contains(share.number())) continue;
      ISOPOP_TRY_ASSIGN(std::optional<v1::WorkerVersion> version,
                        versions_.find(worker, share.number()));
      if (!version) {
        return Error{ErrorCode::kDataLoss,
                     fmt::format("{} v{} has a share and is not there", worker, share.number())};
      }
      now.versions[share.number()] = *std::move(version);
    }
  }
  return now;
}

Result<std::vector<CurrentWorker>> Registry::all_current() {
  ISOPOP_TRY_ASSIGN(const std::vector<std::string> names, workers_.names());
  std::vector<CurrentWorker> all;
  for (const std::string& name : names) {
    ISOPOP_TRY_ASSIGN(CurrentWorker now, current(name));
    if (now.base || now.rolling) all.push_back(std::move(now));
  }
  return all;
}

Result<std::uint64_t> Registry::newest_deployment(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(const WorkerTable::Row row, row_of(worker));
  return row.last_deployment;
}

Result<v1::Deployment> Registry::deployment(const std::string& worker, std::uint64_t number) {
  ISOPOP_TRY_ASSIGN(const WorkerTable::Row row, existing(worker));
  if (number == 0 && row.last_deployment == 0) {
    return not_found(fmt::format("{} was never deployed", worker));
  }
  ISOPOP_TRY_ASSIGN(std::optional<v1::Deployment> deployment,
                    deployments_.find(worker, number == 0 ? row.last_deployment : number));
  if (!deployment) return not_found(fmt::format("{} has no deployment {}", worker, number));
  return *std::move(deployment);
}

Result<std::vector<v1::Deployment>> Registry::deployments(const std::string& worker,
                                                          std::uint32_t limit) {
  if (!worker.empty()) ISOPOP_TRY(existing(worker));
  return deployments_.list(worker, limit);
}

Result<void> Registry::check_versions(const v1::Deployment& deployment) {
  std::vector<std::string> routes;
  for (const v1::VersionShare& share : deployment.shares()) {
    ISOPOP_TRY_ASSIGN(const std::optional<v1::WorkerVersion> version,
                      versions_.find(deployment.worker(), share.number()));
    if (!version) {
      return not_found(fmt::format("there is no {} v{}", deployment.worker(), share.number()));
    }
    routes.insert(routes.end(), version->routes().begin(), version->routes().end());
  }
  return workers_.check_routes_free(deployment.worker(), routes);
}

Result<void> Registry::supersede(std::optional<v1::Deployment> old, const std::string& reason) {
  if (!old) return {};
  old->set_state(v1::DEPLOYMENT_STATE_SUPERSEDED);
  old->set_reason(reason);
  old->set_ended_at_ms(to_unix_ms(clock_.wall_now()));
  return deployments_.update(*old);
}

Result<void> Registry::claim_routes(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(const CurrentWorker now, current(worker));
  std::set<std::string> routes;
  for (const auto& [number, version] : now.versions) {
    routes.insert(version.routes().begin(), version.routes().end());
  }
  return workers_.claim_routes(worker, routes);
}

}  // namespace isopop::control
