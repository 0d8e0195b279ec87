#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "common/geo/geo_point.h"
#include "common/random/random.h"
#include "router/network/access_profile.h"

namespace isopop::router {

// A named place in the network: a client or a PoP. Borrows the name.
struct Host {
  std::string_view id;
  GeoPoint place;
};

// What the network between one client and one PoP is like. Fixed for a seed: the same pair has the
// same link in every run and every program.
struct ClientLink {
  std::chrono::nanoseconds access_rtt{};    // last mile: the client to its provider and back
  std::chrono::nanoseconds backbone_rtt{};  // from there to the PoP and back
  double distance_km = 0;                   // great circle
  std::string_view access;                  // "fibre", "lte" …; static text
};

enum class Connection {
  kNew,   // the client opens one: TCP and TLS 1.3 take a round trip each before the request
  kKept,  // the request goes out at once
};

// The network's share of one request's latency, as Server-Timing names the parts.
struct ExchangeDelays {
  std::chrono::nanoseconds access{};  // the last mile, once there and back
  std::chrono::nanoseconds net{};     // the backbone, once there and back, with jitter
  std::chrono::nanoseconds setup{};   // opening the connection; 0 when kept

  [[nodiscard]] std::chrono::nanoseconds total() const { return access + net + setup; }
};

// The time that the network between clients and PoPs would have taken: a base by distance, fitted
// to measured pairs; a factor that is fixed for each pair of places, since some paths are lucky and
// some are not; jitter for each round trip; a last mile fixed for each client.
// docs/simulation-model.md has the formulae, network_constants.h every number with its source.
//
// Pure: chance comes from the seed and the names (links) or from the given stream (jitter), time is
// never read. Immutable, thus thread-safe. The live router and the virtual-time simulator use this
// same class.
class NetworkModel {
 public:
  NetworkModel(std::uint64_t seed, const AccessProfile& access);

  // Clients within one cell of 0.1 degrees share the path's luck, so a whole town has the same way
  // to a PoP; the last mile depends on the client's id alone.
  [[nodiscard]] ClientLink link(Host client, Host pop) const;

  // The backbone's part of link() alone: what a policy compares.
  [[nodiscard]] std::chrono::nanoseconds backbone_rtt_to_client(GeoPoint client, Host pop) const;
  // Between two PoPs, or a PoP and the control plane; the same in both directions.
  [[nodiscard]] std::chrono::nanoseconds backbone_rtt(Host a, Host b) const;

  // The delays of one request over a link. Draws once per round trip: one number when kept, three
  // when new.
  [[nodiscard]] ExchangeDelays delays(const ClientLink& link, Connection connection,
                                      RandomStream& jitter) const;

  // The stream to draw the jitter of a client's `sequence`-th request from. With a stream for each
  // request nothing depends on the order in which different clients' requests arrive.
  [[nodiscard]] RandomStream jitter_stream(std::string_view client_id,
                                           std::uint64_t sequence) const;

 private:
  std::uint64_t path_seed_;
  std::uint64_t access_seed_;
  std::uint64_t jitter_seed_;
  AccessProfile access_;
};

// The model's curves, for tests, documents and the report; `distance_km` >= 0.
[[nodiscard]] double fibre_rtt_ms(double distance_km);
[[nodiscard]] double base_rtt_ms(double distance_km);
[[nodiscard]] double path_log_sigma(double distance_km);
// The round trip of a path of that length whose luck is z (0 is the median path).
[[nodiscard]] double path_rtt_ms(double distance_km, double z);

}  // namespace isopop::router
