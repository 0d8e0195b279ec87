#pragma once

#include <string>

#include "isopop/v1/control.pb.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::control {

// What the audit log keeps of a version or deployment, as a JSON object. Names of variables, not
// their values.
[[nodiscard]] std::string audit_detail(const v1::WorkerVersion& version);
[[nodiscard]] std::string audit_detail(const v1::Deployment& deployment);

}  // namespace isopop::control
