#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/event_loop/address.h"
#include "common/http/message.h"
#include "router/geo/client_locator.h"
#include "router/network/network_model.h"
#include "router/policy/pop_table.h"
#include "router/policy/routing_policy.h"

namespace isopop::router {

// The PoPs at one moment with their addresses ready to use. Immutable; a request keeps the one it
// began with.
struct PopView {
  std::shared_ptr<const PopTable> table;
  std::map<std::string, Endpoint, std::less<>> endpoints;  // without those whose address is none

  [[nodiscard]] static Result<std::shared_ptr<const PopView>> create(std::vector<Pop> pops);
};

// Where one request goes: its client and the PoPs to try, in order.
struct Route {
  std::shared_ptr<const PopView> view;  // keeps what the candidates point at
  ClientLocation client;
  std::vector<Candidate> candidates;  // empty when there is no PoP
};

// The router's decisions: the cores (geo, policy, network) put together, with the present view of
// the PoPs. The same clients come again and again, so their routes are remembered until the view
// changes. Lives on the router's event loop.
class Routing {
 public:
  static constexpr std::size_t kCandidatesMax = 4;

  Routing(std::unique_ptr<const ClientLocator> locator, std::unique_ptr<const NetworkModel> model,
          std::unique_ptr<const RoutingPolicy> policy);

  void set_view(std::shared_ptr<const PopView> view);
  [[nodiscard]] const PopView& view() const { return *view_; }

  // INVALID_ARGUMENT or NOT_FOUND: the client's headers name a place that is none.
  [[nodiscard]] Result<std::shared_ptr<const Route>> route(const http::RequestHead& request,
                                                           std::string_view peer_address);

  // What the network adds to the next request of that client.
  [[nodiscard]] ExchangeDelays delays(const ClientLocation& client, const Pop& pop,
                                      Connection connection);

 private:
  // Remembered routes and request counts are dropped, all at once, when there are this many.
  static constexpr std::size_t kClientsMax = 200'000;

  std::unique_ptr<const ClientLocator> locator_;
  std::unique_ptr<const NetworkModel> model_;
  std::unique_ptr<const RoutingPolicy> policy_;
  std::shared_ptr<const PopView> view_;
  std::unordered_map<std::string, std::shared_ptr<const Route>> routes_;  // looked up, never walked
  std::unordered_map<std::string, std::uint64_t> sequences_;              // requests by client id
};

}  // namespace isopop::router
