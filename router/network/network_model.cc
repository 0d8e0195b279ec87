#include "router/network/network_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/hash/hash.h"
#include "common/result/assert.h"
#include "common/units/units.h"
#include "router/network/network_constants.h"

namespace isopop::router {
namespace {

using std::chrono::nanoseconds;

// Strictly between 0 and 1, as normal_quantile() wants it; 52 bits of a hash.
double to_unit_interval(std::uint64_t bits) {
  return (static_cast<double>(bits >> 12U) + 0.5) * 0x1.0p-52;
}

std::uint64_t host_key(std::string_view id) {
  return hash64(id);
}

// Names the cell of the grid that a client is in.
std::uint64_t client_key(GeoPoint place) {
  const auto cell = [](double degrees) {
    return static_cast<std::uint64_t>(std::llround(degrees / constants::kClientCellDeg));
  };
  const bool is_date_line = place.longitude_deg == 180;  // the same meridian as -180
  return combine64(combine64(hash64("client cell"), cell(place.latitude_deg)),
                   cell(is_date_line ? -180 : place.longitude_deg));
}

nanoseconds path_rtt(std::uint64_t seed, std::uint64_t key_a, std::uint64_t key_b,
                     double distance_km) {
  const auto [low, high] = std::minmax(key_a, key_b);  // the same in both directions
  const std::uint64_t bits = combine64(combine64(seed, low), high);
  return from_ms(path_rtt_ms(distance_km, normal_quantile(to_unit_interval(bits))));
}

}  // namespace

double fibre_rtt_ms(double distance_km) {
  return distance_km / constants::kFibreKmPerRttMs;
}

double base_rtt_ms(double distance_km) {
  if (distance_km <= constants::kBaseSplitKm) {
    return constants::kBaseNearFactorMs * std::pow(distance_km, constants::kBaseNearExponent);
  }
  return constants::kBaseFarOffsetMs + constants::kBaseFarSlopeMsPerKm * distance_km;
}

double path_log_sigma(double distance_km) {
  for (const constants::SigmaBand& band : constants::kPathLogSigma) {
    if (distance_km <= band.up_to_km) return band.log_sigma;
  }
  return constants::kPathLogSigma.back().log_sigma;
}

double path_rtt_ms(double distance_km, double z) {
  const double lucky = base_rtt_ms(distance_km) * std::exp(path_log_sigma(distance_km) * z);
  return std::max({fibre_rtt_ms(distance_km), lucky, constants::kRttFloorMs});
}

NetworkModel::NetworkModel(std::uint64_t seed, const AccessProfile& access)
    : path_seed_(combine64(seed, hash64("network.path"))),
      access_seed_(combine64(seed, hash64("network.access"))),
      jitter_seed_(combine64(seed, hash64("network.jitter"))),
      access_(access) {
  ISOPOP_ASSERT(!access_.kinds.empty(), "an access profile with at least one kind");
}

ClientLink NetworkModel::link(Host client, Host pop) const {
  RandomStream access_stream(access_seed_, client.id);
  double rest = access_stream.uniform();
  const AccessKind* kind = &access_.kinds.back();
  for (const AccessKind& candidate : access_.kinds) {
    if (rest < candidate.share) {
      kind = &candidate;
      break;
    }
    rest -= candidate.share;
  }
  return {.access_rtt = from_ms(access_stream.log_normal(kind->rtt_median_ms, kind->log_sigma)),
          .backbone_rtt = backbone_rtt_to_client(client.place, pop),
          .distance_km = great_circle_km(client.place, pop.place),
          .access = kind->name};
}

nanoseconds NetworkModel::backbone_rtt_to_client(GeoPoint client, Host pop) const {
  return path_rtt(path_seed_, client_key(client), host_key(pop.id),
                  great_circle_km(client, pop.place));
}

nanoseconds NetworkModel::backbone_rtt(Host a, Host b) const {
  return path_rtt(path_seed_, host_key(a.id), host_key(b.id), great_circle_km(a.place, b.place));
}

ExchangeDelays NetworkModel::delays(const ClientLink& link, Connection connection,
                                    RandomStream& jitter) const {
  const auto draw_jitter = [&jitter] {
    return from_ms(jitter.log_normal(constants::kJitterMedianMs, constants::kJitterLogSigma));
  };
  ExchangeDelays delays{
      .access = link.access_rtt, .net = link.backbone_rtt + draw_jitter(), .setup = {}};
  if (connection == Connection::kNew) {
    for (int i = 0; i < constants::kSetupRoundTrips; ++i) {
      delays.setup += link.access_rtt + link.backbone_rtt + draw_jitter();
    }
  }
  return delays;
}

RandomStream NetworkModel::jitter_stream(std::string_view client_id, std::uint64_t sequence) const {
  return {combine64(jitter_seed_, sequence), client_id};
}

}  // namespace isopop::router
