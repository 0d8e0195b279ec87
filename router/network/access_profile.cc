#include "router/network/access_profile.h"

#include <fmt/format.h>

#include "router/network/network_constants.h"

namespace isopop::router {
namespace {

using namespace constants;  // NOLINT(google-build-using-namespace): a table of nothing else

AccessProfile default_profile() {
  return {.name = "default",
          .kinds = {
              {"fibre", kFibreMs, kWiredLogSigma, kFibreShare},
              {"cable", kCableMs, kWiredLogSigma, kCableShare},
              {"dsl", kDslMs, kWiredLogSigma, kDslShare},
              {"lte", kLteMs, kMobileLogSigma, kLteShare},
              {"5g", kFiveGMs, kMobileLogSigma, kFiveGShare},
              {"leo", kLeoSatelliteMs, kLeoSatelliteLogSigma, kLeoSatelliteShare},
              {"geo", kGeoSatelliteMs, kGeoSatelliteLogSigma, kGeoSatelliteShare},
          }};
}

// The three kinds that the FCC published, in the proportions of the default profile.
AccessProfile fcc2013_profile() {
  constexpr double kSum = kFibreShare + kCableShare + kDslShare;
  return {.name = "fcc2013",
          .kinds = {
              {"fibre", kFcc2013FibreMs, kWiredLogSigma, kFibreShare / kSum},
              {"cable", kFcc2013CableMs, kWiredLogSigma, kCableShare / kSum},
              {"dsl", kFcc2013DslMs, kWiredLogSigma, kDslShare / kSum},
          }};
}

}  // namespace

Result<AccessProfile> find_access_profile(std::string_view name) {
  if (name == "default") return default_profile();
  if (name == "fcc2013") return fcc2013_profile();
  return invalid_argument(
      fmt::format("'{}' is no access profile; there are 'default' and 'fcc2013'", name));
}

}  // namespace isopop::router
