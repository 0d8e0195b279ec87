#include "control_plane/registry/audit_detail.h"

#include <nlohmann/json.hpp>
#include <vector>

namespace isopop::control {
namespace {

using Json = nlohmann::ordered_json;

// What people wrote may hold bytes that are not UTF-8; they are shown as replacement characters.
std::string to_text(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace

std::string audit_detail(const v1::WorkerVersion& version) {
  std::vector<std::string> variables;
  for (const v1::Variable& variable : version.settings().variables()) {
    variables.push_back(variable.name());
  }
  return to_text(
      {{"bundle_sha256", version.bundle_sha256()},
       {"routes", std::vector<std::string>(version.routes().begin(), version.routes().end())},
       {"variables", variables},
       {"tag", version.tag()},
       {"author", version.author()},
       {"message", version.message()}});
}

std::string audit_detail(const v1::Deployment& deployment) {
  Json shares = Json::array();
  for (const v1::VersionShare& share : deployment.shares()) {
    shares.push_back({{"version", share.number()}, {"weight", share.weight()}});
  }
  std::string state = v1::DeploymentState_Name(deployment.state());
  return to_text({{"shares", shares},
                  {"state", state.substr(std::string("DEPLOYMENT_STATE_").size())},
                  {"wave", deployment.wave()},
                  {"waves", deployment.plan().waves_size()},
                  {"reason", deployment.reason()},
                  {"rolled_back_from", deployment.rolled_back_from()},
                  {"author", deployment.author()},
                  {"message", deployment.message()}});
}

}  // namespace isopop::control
