#include <CLI/CLI.hpp>

#include "common/app/app.h"
#include "common/rpc/tls_options.h"
#include "router/http/router_program.h"

namespace {

void add_options(CLI::App& app, isopop::router::RouterOptions& options) {
  app.add_option("--listen", options.listen, "address for HTTP; port 0: the kernel chooses")
      ->capture_default_str();
  app.add_option("--advertise", options.advertise,
                 "IP address, with a port or not, that popctl is told; default: where it listens, "
                 "or of 0.0.0.0 the address on the way to the control plane");
  app.add_option("--control", options.control, "the control plane's gRPC address")
      ->capture_default_str();
  app.add_option("--state", options.state, "state folder of the topology")->capture_default_str();
  app.add_option("--net", options.net, "network time: real (waited) or account (only told)")
      ->check(CLI::IsMember({"real", "account"}))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "root of everything the router draws")
      ->capture_default_str();
  app.add_option("--policy", options.policy, "how PoPs are chosen: nearest or lowest-rtt")
      ->capture_default_str();
  app.add_option("--cities", options.cities, "CSV of cities with their population")->required();
  app.add_option("--mmdb", options.mmdb, "IP-to-location database (MaxMind DB format)");
  app.add_option("--access-profile", options.access_profile, "last miles: default or fcc2013")
      ->capture_default_str();
  app.add_option("--pop-timeout", options.pop_timeout, "for the head of a PoP's answer")
      ->capture_default_str();
  app.add_option("--connect-timeout", options.connect_timeout, "for a connection to a PoP")
      ->capture_default_str();
  app.add_option("--head-timeout", options.head_timeout, "for a request's whole head")
      ->capture_default_str();
  app.add_option("--body-timeout", options.body_timeout, "a body must move within this")
      ->capture_default_str();
  app.add_option("--body-max", options.body_max, "largest request body")->capture_default_str();
  app.add_option("--connections-max", options.connections_max, "open client connections")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--pop-connections-max", options.pop_connections_max, "connections to one PoP")
      ->check(CLI::Range(1, 65'535))
      ->capture_default_str();
  isopop::rpc::add_tls_options(app, options.tls);
  app.add_option("--join", options.join,
                 "folder with the control plane's ca.crt and a join.token: waits for them and gets "
                 "a certificate of its own")
      ->excludes("--tls-cert");
}

}  // namespace

int main(int argc, char** argv) {
  isopop::router::RouterOptions options;
  return isopop::run_server_program(
      {.name = "isopop-router",
       .description = "The front door: takes HTTP, locates clients, forwards to their PoP."},
      argc, argv, [&options](CLI::App& app) { add_options(app, options); },
      [&options] { return isopop::router::run_router(options); });
}
