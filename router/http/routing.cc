#include "router/http/routing.h"

#include <utility>

#include "common/http/header_names.h"
#include "common/log/log.h"

namespace isopop::router {
namespace {

namespace header_names = http::header_names;

ClientHints read_hints(const http::Headers& headers, std::string_view peer_address) {
  return {.location = headers.get(header_names::kClientLocation),
          .city = headers.get(header_names::kClientCity),
          .client_id = headers.get(header_names::kClientId),
          .forwarded_for = headers.get(header_names::kForwardedFor),
          .peer_address = peer_address};
}

// All that locate() looks at, in one text; '\n' cannot be in a header.
std::string key_of(const ClientHints& hints) {
  std::string key;
  for (const auto& part : {hints.location, hints.city, hints.client_id, hints.forwarded_for}) {
    if (part) key.append("+").append(*part);
    key.push_back('\n');
  }
  key.append(hints.peer_address);
  return key;
}

}  // namespace

Result<std::shared_ptr<const PopView>> PopView::create(std::vector<Pop> pops) {
  auto view = std::make_shared<PopView>();
  for (const Pop& pop : pops) {
    const Result<Endpoint> endpoint = parse_endpoint(pop.http_address);
    if (endpoint.ok()) {
      view->endpoints.emplace(pop.id, endpoint.value());
    } else {
      log_warning("PoP {}: {}", pop.id, endpoint.error().message);
    }
  }
  ISOPOP_TRY_ASSIGN(view->table, PopTable::create(std::move(pops)));
  return std::shared_ptr<const PopView>(std::move(view));
}

Routing::Routing(std::unique_ptr<const ClientLocator> locator,
                 std::unique_ptr<const NetworkModel> model,
                 std::unique_ptr<const RoutingPolicy> policy)
    : locator_(std::move(locator)),
      model_(std::move(model)),
      policy_(std::move(policy)),
      view_(PopView::create({}).value()) {}

void Routing::set_view(std::shared_ptr<const PopView> view) {
  view_ = std::move(view);
  routes_.clear();
}

Result<std::shared_ptr<const Route>> Routing::route(const http::RequestHead& request,
                                                    std::string_view peer_address) {
  const ClientHints hints = read_hints(request.headers, peer_address);
  std::string key = key_of(hints);
  if (const auto known = routes_.find(key); known != routes_.end()) return known->second;

  auto route = std::make_shared<Route>();
  ISOPOP_TRY_ASSIGN(route->client, locator_->locate(hints));
  route->view = view_;
  route->candidates = policy_->candidates(
      *view_->table, Host{.id = route->client.client_id, .place = route->client.place},
      kCandidatesMax);
  if (routes_.size() >= kClientsMax) routes_.clear();
  routes_.emplace(std::move(key), route);
  return std::shared_ptr<const Route>(std::move(route));
}

ExchangeDelays Routing::delays(const ClientLocation& client, const Pop& pop,
                               Connection connection) {
  if (sequences_.size() >= kClientsMax && !sequences_.contains(client.client_id)) {
    sequences_.clear();
  }
  const std::uint64_t sequence = sequences_[client.client_id]++;
  const ClientLink link = model_->link(Host{.id = client.client_id, .place = client.place},
                                       Host{.id = pop.id, .place = pop.place});
  RandomStream jitter = model_->jitter_stream(client.client_id, sequence);
  return model_->delays(link, connection, jitter);
}

}  // namespace isopop::router
