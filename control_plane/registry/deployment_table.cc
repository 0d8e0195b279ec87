#include "control_plane/registry/deployment_table.h"

#include <fmt/format.h>

#include <utility>

namespace isopop::control {
namespace {

// In the order that read_deployment() expects.
constexpr std::string_view kColumns =
    "worker, number, state, wave, reason, stickiness, plan, base, rolled_back_from, created_at_ms, "
    "ended_at_ms, author, message";
// As the indices of the table have it.
constexpr std::string_view kIsLive = "state = 3";
constexpr std::string_view kIsUnderWay = "state IN (1, 2)";
static_assert(v1::DEPLOYMENT_STATE_ROLLING_OUT == 1 && v1::DEPLOYMENT_STATE_PAUSED == 2 &&
              v1::DEPLOYMENT_STATE_LIVE == 3);

std::int64_t to_signed(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}
std::uint64_t to_unsigned(std::int64_t number) {
  return static_cast<std::uint64_t>(number);
}

Result<v1::Deployment> read_deployment(const Statement& row) {
  v1::Deployment deployment;
  deployment.set_worker(row.text(0));
  deployment.set_number(to_unsigned(row.number(1)));
  deployment.set_state(static_cast<v1::DeploymentState>(row.number(2)));
  deployment.set_wave(static_cast<std::uint32_t>(row.number(3)));
  deployment.set_reason(row.text(4));
  const std::string stickiness = row.text(5);
  const std::string plan = row.text(6);
  // Absent where nothing was asked for, so that equal deployments are equal messages.
  if ((!stickiness.empty() && !deployment.mutable_stickiness()->ParseFromString(stickiness)) ||
      (!plan.empty() && !deployment.mutable_plan()->ParseFromString(plan))) {
    return Error{ErrorCode::kDataLoss, fmt::format("deployment {} of {} is damaged",
                                                   deployment.number(), deployment.worker())};
  }
  deployment.set_base(to_unsigned(row.number(7)));
  deployment.set_rolled_back_from(to_unsigned(row.number(8)));
  deployment.set_created_at_ms(row.number(9));
  deployment.set_ended_at_ms(row.number(10));
  deployment.set_author(row.text(11));
  deployment.set_message(row.text(12));
  return deployment;
}

Result<std::optional<v1::Deployment>> first_of(Result<std::vector<v1::Deployment>> found) {
  if (!found.ok()) return found.error();
  if (found.value().empty()) return std::optional<v1::Deployment>();
  return std::optional(std::move(found.value().front()));
}

}  // namespace

bool is_under_way(v1::DeploymentState state) {
  return state == v1::DEPLOYMENT_STATE_ROLLING_OUT || state == v1::DEPLOYMENT_STATE_PAUSED;
}

Result<std::optional<v1::Deployment>> DeploymentTable::find(const std::string& worker,
                                                            std::uint64_t number) {
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_.prepare(fmt::format(
                        "SELECT {} FROM deployments WHERE worker = ?1 AND number = ?2", kColumns)));
  rows.bind(1, worker).bind(2, to_signed(number));
  return first_of(read_all(rows));
}

Result<std::optional<v1::Deployment>> DeploymentTable::live(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_.prepare(fmt::format(
                        "SELECT {} FROM deployments WHERE worker = ?1 AND {}", kColumns, kIsLive)));
  rows.bind(1, worker);
  return first_of(read_all(rows));
}

Result<std::optional<v1::Deployment>> DeploymentTable::under_way(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(Statement rows, database_.prepare(fmt::format(
                                        "SELECT {} FROM deployments WHERE worker = ?1 AND {}",
                                        kColumns, kIsUnderWay)));
  rows.bind(1, worker);
  return first_of(read_all(rows));
}

Result<std::vector<v1::Deployment>> DeploymentTable::list(const std::string& worker,
                                                          std::uint32_t limit) {
  if (worker.empty()) {
    ISOPOP_TRY_ASSIGN(Statement rows,
                      database_.prepare(fmt::format(
                          "SELECT {} FROM deployments ORDER BY created_at_ms DESC, worker, "
                          "number DESC LIMIT ?1",
                          kColumns)));
    rows.bind(1, std::int64_t{limit});
    return read_all(rows);
  }
  ISOPOP_TRY_ASSIGN(
      Statement rows,
      database_.prepare(fmt::format(
          "SELECT {} FROM deployments WHERE worker = ?1 ORDER BY number DESC LIMIT ?2", kColumns)));
  rows.bind(1, worker).bind(2, std::int64_t{limit});
  return read_all(rows);
}

Result<std::vector<v1::Deployment>> DeploymentTable::good(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_.prepare(fmt::format("SELECT {} FROM deployments WHERE worker = ?1 "
                                                  "AND was_live ORDER BY number DESC",
                                                  kColumns)));
  rows.bind(1, worker);
  return read_all(rows);
}

Result<std::vector<std::uint64_t>> DeploymentTable::users_of(const std::string& worker,
                                                             std::uint64_t version) {
  ISOPOP_TRY_ASSIGN(
      Statement rows,
      database_.prepare(fmt::format(
          "SELECT d.number FROM deployments d JOIN shares s ON s.worker = d.worker AND "
          "s.deployment = d.number WHERE d.worker = ?1 AND s.version = ?2 AND (d.{} OR d.{}) "
          "ORDER BY d.number",
          kIsLive, kIsUnderWay)));
  rows.bind(1, worker).bind(2, to_signed(version));
  std::vector<std::uint64_t> numbers;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return numbers;
    numbers.push_back(to_unsigned(rows.number(0)));
  }
}

Result<void> DeploymentTable::insert(const v1::Deployment& deployment) {
  ISOPOP_TRY_ASSIGN(
      Statement row,
      database_.prepare(fmt::format(
          "INSERT INTO deployments ({}, was_live) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
          "?10, ?11, ?12, ?13, ?14)",
          kColumns)));
  ISOPOP_TRY(row.bind(1, deployment.worker())
                 .bind(2, to_signed(deployment.number()))
                 .bind(3, std::int64_t{deployment.state()})
                 .bind(4, std::int64_t{deployment.wave()})
                 .bind(5, deployment.reason())
                 .bind_blob(6, deployment.stickiness().SerializeAsString())
                 .bind_blob(7, deployment.plan().SerializeAsString())
                 .bind(8, to_signed(deployment.base()))
                 .bind(9, to_signed(deployment.rolled_back_from()))
                 .bind(10, deployment.created_at_ms())
                 .bind(11, deployment.ended_at_ms())
                 .bind(12, deployment.author())
                 .bind(13, deployment.message())
                 .bind(14, std::int64_t{deployment.state() == v1::DEPLOYMENT_STATE_LIVE})
                 .run());
  ISOPOP_TRY_ASSIGN(Statement share,
                    database_.prepare("INSERT INTO shares VALUES (?1, ?2, ?3, ?4)"));
  for (const v1::VersionShare& each : deployment.shares()) {
    ISOPOP_TRY(share.bind(1, deployment.worker())
                   .bind(2, to_signed(deployment.number()))
                   .bind(3, to_signed(each.number()))
                   .bind(4, std::int64_t{each.weight()})
                   .run());
  }
  return {};
}

Result<void> DeploymentTable::update(const v1::Deployment& deployment) {
  ISOPOP_TRY_ASSIGN(Statement row,
                    database_.prepare("UPDATE deployments SET state = ?3, wave = ?4, reason = ?5, "
                                      "ended_at_ms = ?6, was_live = was_live OR ?7 "
                                      "WHERE worker = ?1 AND number = ?2"));
  return row.bind(1, deployment.worker())
      .bind(2, to_signed(deployment.number()))
      .bind(3, std::int64_t{deployment.state()})
      .bind(4, std::int64_t{deployment.wave()})
      .bind(5, deployment.reason())
      .bind(6, deployment.ended_at_ms())
      .bind(7, std::int64_t{deployment.state() == v1::DEPLOYMENT_STATE_LIVE})
      .run();
}

Result<void> DeploymentTable::forget_good(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(Statement row,
                    database_.prepare("UPDATE deployments SET was_live = 0 WHERE worker = ?1"));
  return row.bind(1, worker).run();
}

Result<std::vector<v1::Deployment>> DeploymentTable::read_all(Statement& rows) {
  std::vector<v1::Deployment> deployments;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, rows.step());
    if (!row) break;
    ISOPOP_TRY_ASSIGN(v1::Deployment deployment, read_deployment(rows));
    deployments.push_back(std::move(deployment));
  }
  for (v1::Deployment& deployment : deployments) ISOPOP_TRY(read_shares(deployment));
  return deployments;
}

Result<void> DeploymentTable::read_shares(v1::Deployment& deployment) {
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_.prepare("SELECT version, weight FROM shares WHERE worker = ?1 AND "
                                      "deployment = ?2 ORDER BY weight DESC, version DESC"));
  rows.bind(1, deployment.worker()).bind(2, to_signed(deployment.number()));
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return {};
    v1::VersionShare& share = *deployment.add_shares();
    share.set_number(to_unsigned(rows.number(0)));
    share.set_weight(static_cast<std::uint32_t>(rows.number(1)));
  }
}

}  // namespace isopop::control
