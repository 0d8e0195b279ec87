#include "control_plane/registry/worker_table.h"

#include <fmt/format.h>

#include <utility>

#include "control_plane/registry/names.h"

namespace isopop::control {

Result<std::optional<WorkerTable::Row>> WorkerTable::find(const std::string& name) {
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_.prepare("SELECT last_number, last_deployment, deleted FROM workers "
                                      "WHERE name = ?1"));
  rows.bind(1, name);
  ISOPOP_TRY_ASSIGN(const bool found, rows.step());
  if (!found) return std::optional<Row>();
  return std::optional(Row{.name = name,
                           .last_version = static_cast<std::uint64_t>(rows.number(0)),
                           .last_deployment = static_cast<std::uint64_t>(rows.number(1)),
                           .deleted = rows.number(2) != 0});
}

Result<std::vector<std::string>> WorkerTable::names() {
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_.prepare("SELECT name FROM workers WHERE NOT deleted ORDER BY name"));
  std::vector<std::string> names;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return names;
    names.push_back(rows.text(0));
  }
}

Result<void> WorkerTable::put(const Row& row) {
  ISOPOP_TRY_ASSIGN(
      Statement statement,
      database_.prepare("INSERT INTO workers (name, last_number, last_deployment, deleted) "
                        "VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO UPDATE SET "
                        "last_number = ?2, last_deployment = ?3, deleted = ?4"));
  return statement.bind(1, row.name)
      .bind(2, static_cast<std::int64_t>(row.last_version))
      .bind(3, static_cast<std::int64_t>(row.last_deployment))
      .bind(4, std::int64_t{row.deleted})
      .run();
}

Result<void> WorkerTable::check_routes_free(const std::string& worker,
                                            const std::vector<std::string>& routes) {
  ISOPOP_TRY_ASSIGN(Statement owner,
                    database_.prepare("SELECT worker FROM routes WHERE pattern = ?1"));
  for (const std::string& route : routes) {
    owner.bind(1, route);
    ISOPOP_TRY_ASSIGN(const bool taken, owner.step());
    if (taken && owner.text(0) != worker) {
      return Error{ErrorCode::kAlreadyExists,
                   fmt::format("route {} belongs to worker {}; delete that worker, or deploy it "
                               "without the route, first",
                               in_quotes(route), owner.text(0))};
    }
  }
  return {};
}

Result<void> WorkerTable::claim_routes(const std::string& worker,
                                       const std::set<std::string>& routes) {
  ISOPOP_TRY(check_routes_free(worker, {routes.begin(), routes.end()}));
  ISOPOP_TRY_ASSIGN(Statement release, database_.prepare("DELETE FROM routes WHERE worker = ?1"));
  ISOPOP_TRY(release.bind(1, worker).run());
  ISOPOP_TRY_ASSIGN(Statement claim, database_.prepare("INSERT INTO routes VALUES (?1, ?2)"));
  for (const std::string& route : routes) {
    ISOPOP_TRY(claim.bind(1, route).bind(2, worker).run());
  }
  return {};
}

}  // namespace isopop::control
