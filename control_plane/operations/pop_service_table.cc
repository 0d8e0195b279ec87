#include "control_plane/operations/pop_service_table.h"

namespace isopop::control {

Result<std::map<std::string, v1::PopService>> PopServiceTable::all() {
  ISOPOP_TRY_ASSIGN(Statement statement,
                    database_.prepare("SELECT pop, service FROM pop_services"));
  std::map<std::string, v1::PopService> services;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, statement.step());
    if (!row) return services;
    const std::int64_t number = statement.number(1);
    if (number == v1::POP_SERVICE_DRAINED || number == v1::POP_SERVICE_FAILED) {
      services[statement.text(0)] = static_cast<v1::PopService>(number);
    }
  }
}

Result<void> PopServiceTable::set(const std::string& pop, v1::PopService service) {
  if (service == v1::POP_SERVICE_UNSPECIFIED) {
    ISOPOP_TRY_ASSIGN(Statement remove,
                      database_.prepare("DELETE FROM pop_services WHERE pop = ?1"));
    return remove.bind(1, pop).run();
  }
  ISOPOP_TRY_ASSIGN(Statement put, database_.prepare("INSERT INTO pop_services (pop, service) "
                                                     "VALUES (?1, ?2) ON CONFLICT (pop) DO UPDATE "
                                                     "SET service = excluded.service"));
  return put.bind(1, pop).bind(2, static_cast<std::int64_t>(service)).run();
}

}  // namespace isopop::control
