#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "common/geo/geo_point.h"
#include "common/result/result.h"
#include "router/network/network_model.h"
#include "router/policy/pop_table.h"

namespace isopop::router {

// One PoP a request may go to. Borrows from the table it was chosen from.
struct Candidate {
  const Pop* pop = nullptr;  // never null
  double distance_km = 0;    // client to PoP, geodesic
};

// The order in which a client's request tries PoPs: the first is its PoP, each further one is where
// it goes when those before are unreachable. Pure and immutable, thus thread-safe: the same client
// and table give the same order.
class RoutingPolicy {
 public:
  virtual ~RoutingPolicy() = default;
  // At most `count` candidates, best first, each PoP once; empty when no PoP is eligible.
  [[nodiscard]] virtual std::vector<Candidate> candidates(const PopTable& table, Host client,
                                                          std::size_t count) const = 0;
  // As the flag spells it.
  [[nodiscard]] virtual std::string_view name() const = 0;
};

// The policy of that name: "nearest" (by geodesic) or "lowest-rtt" (by the network model's backbone
// RTT, which `model` computes; it must outlive the policy). "anycast", "geo-dns" and "weighted" are
// known names that are UNIMPLEMENTED; any other is INVALID_ARGUMENT.
[[nodiscard]] Result<std::unique_ptr<const RoutingPolicy>> make_routing_policy(
    std::string_view name, const NetworkModel& model);

}  // namespace isopop::router
