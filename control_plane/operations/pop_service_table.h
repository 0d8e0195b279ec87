#pragma once

#include <map>
#include <string>

#include "common/result/result.h"
#include "control_plane/registry/sqlite.h"
#include "isopop/v1/control.pb.h"

namespace isopop::control {

// What people want of each PoP, in control.db, so that a PoP that was drained or failed stays so
// when the control plane is started again. A PoP that takes clients as usual has no row. On the
// store's thread.
class PopServiceTable final {
 public:
  explicit PopServiceTable(Database& database) : database_(database) {}

  // Those that are not as usual, by id.
  [[nodiscard]] Result<std::map<std::string, v1::PopService>> all();
  [[nodiscard]] Result<void> set(const std::string& pop, v1::PopService service);

 private:
  Database& database_;
};

}  // namespace isopop::control
