#include "sim/export/compose.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "common/text/text.h"
#include "sim/export/container_settings.h"
#include "sim/export/yaml_text.h"

namespace isopop::sim {
namespace {

constexpr std::string_view kHead = R"(# Network {name}: {what}, a router and a control plane.
# Written by `{made_by}`; change the topology and write it again.
#
#   docker compose -f FILE up -d
#   docker compose -f FILE run --rm -v "$PWD/workers/hello:/worker:ro" popctl deploy /worker
#   docker compose -f FILE down --volumes
#
# docker-compose 1.29 wants COMPOSE_PARALLEL_LIMIT=1000 for `up` and 2 for `down`.
# Variables: ISOPOP_IMAGE (isopop:latest), ISOPOP_PORT (8080, the router's, on this machine) and
# ISOPOP_SUBNET (10.220.0.0/20; two networks side by side need two).

)";

constexpr std::string_view kShared = R"(x-isopop: &isopop
  image: {image}
  restart: unless-stopped
  stop_signal: SIGTERM
  stop_grace_period: 10s
  read_only: true
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]
  logging:  # hundreds of logs must not fill a disk
    driver: json-file
    options:
      max-size: 1m
      max-file: "2"

)";

constexpr std::string_view kPop = R"(x-pop-environment: &pop-environment
{environment}
x-pop: &pop
  <<: *isopop
  command: [isopop, pop]
  environment: *pop-environment
  tmpfs: ["/tmp:size=16m", "/var/lib/isopop:uid=10001,gid=10001,mode=0700,size=64m"]
  mem_limit: {memory}
  pids_limit: {pids}
{network}{mount}  healthcheck:  # rare: every 30 s in each of 330 containers would take a whole core
    test: ["CMD", "isopop-health", "127.0.0.1:8080", "/__isopop/readyz"]
    interval: 10m
    timeout: 5s
    retries: 2

)";

constexpr std::string_view kControlAndRouter = R"(services:
  control:
    <<: *isopop
    command:
{control_command}    environment:  # for `exec`
      POPCTL_ENDPOINT: "127.0.0.1:7070"
      POPCTL_CA: /var/lib/isopop/pki/ca.crt
      POPCTL_TOKEN_FILE: /var/lib/isopop/pki/admin.token
    volumes: ["control-state:/var/lib/isopop", "join:/var/lib/isopop-join"]
    tmpfs: ["/tmp:size=64m"]
    mem_limit: {control_memory}
    pids_limit: 256
    networks: [edge]
    healthcheck:
      test: ["CMD", "isopop-health", "127.0.0.1:7071", "/readyz"]
      interval: 30s
      timeout: 5s
      retries: 3

  router:
    <<: *isopop
    command:
{router_command}    ports: ["${{ISOPOP_PORT:-8080}}:8080"]
    volumes: ["join:/var/lib/isopop-join:ro"]
    tmpfs: ["/tmp:size=16m", "/var/lib/isopop:uid=10001,gid=10001,mode=0700,size=16m"]
    mem_limit: {router_memory}
    pids_limit: 256
    networks: [edge]
    healthcheck:
      test: ["CMD", "isopop-health", "127.0.0.1:8080", "/__isopop/readyz"]
      interval: 30s
      timeout: 5s
      retries: 3

  popctl:
    <<: *isopop
    profiles: [tools]  # for `run`: an administrator's, with folders of this machine
    restart: "no"
    entrypoint: [popctl]
    environment:
      POPCTL_ENDPOINT: "control:7070"
      POPCTL_CA: /var/lib/isopop/pki/ca.crt
      POPCTL_TOKEN_FILE: /var/lib/isopop/pki/admin.token
    volumes: ["control-state:/var/lib/isopop:ro"]
    tmpfs: ["/tmp:size=64m"]
    mem_limit: 512m
    pids_limit: 256
    networks: [edge]

)";

// Both images' own users and entry points; what they keep goes with their containers.
constexpr std::string_view kMonitoring = R"(
  prometheus:
    image: "${ISOPOP_PROMETHEUS_IMAGE:-prom/prometheus:v2.55.1}"
    profiles: [monitoring]
    restart: unless-stopped
    volumes:
      - "${ISOPOP_MONITORING:-../monitoring}/prometheus.yml:/etc/prometheus/prometheus.yml:ro"
    mem_limit: 1024m
    networks: [edge]

  grafana:
    image: "${ISOPOP_GRAFANA_IMAGE:-grafana/grafana:11.3.0}"
    profiles: [monitoring]
    restart: unless-stopped
    environment:
      GF_AUTH_ANONYMOUS_ENABLED: "true"
      GF_AUTH_ANONYMOUS_ORG_ROLE: Viewer
      GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: /etc/isopop/dashboards/isopop.json
    volumes:
      - "${ISOPOP_MONITORING:-../monitoring}/grafana/provisioning:/etc/grafana/provisioning:ro"
      - "${ISOPOP_MONITORING:-../monitoring}/grafana/dashboards:/etc/isopop/dashboards:ro"
    ports: ["127.0.0.1:${ISOPOP_GRAFANA_PORT:-3000}:3000"]
    mem_limit: 512m
    networks: [edge]
)";

constexpr std::string_view kTail = R"(
networks:
  edge:
    driver: bridge
    ipam:
      config:
        - subnet: "${ISOPOP_SUBNET:-10.220.0.0/20}"

volumes:
  control-state: {}
  join: {}  # what lets PoPs and routers enroll
)";

constexpr std::size_t kMonitoringContainers = 2;
constexpr std::string_view kMountedTopology = "/etc/isopop/topology.yaml";

bool is_file(const std::string& topology) {
  return topology.find_first_of("/.") != std::string::npos;
}

bool looks_up_pops(const ComposeOptions& options) {
  return options.scaled || options.pops_per_container > 1;
}

std::size_t container_count(const Topology& topology, const ComposeOptions& options) {
  const std::size_t each = options.pops_per_container;
  return (topology.pops.size() + each - 1) / each;
}

Result<void> check(const Topology& topology, const ComposeOptions& options) {
  const std::size_t pops = topology.pops.size();
  if (options.pops_per_container == 0 || options.pops_per_container > pops) {
    return invalid_argument(fmt::format("a container takes 1 to {} PoPs of this topology, not {}",
                                        pops, options.pops_per_container));
  }
  if (options.scaled && options.pops_per_container != 1) {
    return invalid_argument(
        "a scaled service has one PoP in each container: leave out the number of PoPs in one");
  }
  const std::size_t others = 2 + (options.monitoring ? kMonitoringContainers : 0);
  const std::size_t containers = container_count(topology, options) + others;
  if (containers > kComposeContainersMax) {
    const std::size_t room = kComposeContainersMax - others;
    return Error{ErrorCode::kOutOfRange,
                 fmt::format("{} containers are more than the {} that a Linux bridge takes: put {} "
                             "PoPs or more into each, or use swarm or k8s",
                             containers, kComposeContainersMax, (pops + room - 1) / room)};
  }
  return {};
}

std::string head(const Topology& topology, const ComposeOptions& options) {
  const std::size_t pops = topology.pops.size();
  std::string what = fmt::format("{} {}", pops, pops == 1 ? "PoP" : "PoPs");
  if (options.scaled) {
    what += " as one service, with identities from the control plane (`up --scale pop=N`)";
  } else if (options.pops_per_container > 1) {
    what += fmt::format(", {} in a container", options.pops_per_container);
  } else {
    what += pops == 1 ? " in a container of its own" : " in containers of their own";
  }
  return fmt::format(fmt::runtime(kHead), fmt::arg("name", yaml_comment(topology.name)),
                     fmt::arg("what", what), fmt::arg("made_by", yaml_comment(options.made_by)));
}

std::string environment_line(std::string_view name, std::string_view value) {
  return fmt::format("  {}: {}\n", name, yaml_quoted_for_compose(value));
}

std::string pop_block(const Topology& topology, const ComposeOptions& options) {
  const PopContainer container =
      pop_container(topology.pop, options.memory, options.pops_per_container);
  std::string environment;
  for (const auto& [name, value] : pop_environment(topology.pop, options.memory, options.log)) {
    environment += environment_line(name, value);
  }
  std::string mount = "  volumes:\n    - \"join:/var/lib/isopop-join:ro\"\n";
  if (looks_up_pops(options)) {
    const bool mounts = is_file(options.topology);
    environment += environment_line("POP_TOPOLOGY",
                                    mounts ? kMountedTopology : std::string_view(options.topology));
    if (options.scaled) {
      // So many identities the control plane hands out.
      environment += environment_line("POP_COUNT", std::to_string(topology.pops.size()));
    }
    if (mounts) {
      mount += fmt::format("    - {{type: bind, source: {}, target: {}, read_only: true}}\n",
                           yaml_quoted_for_compose(options.topology), kMountedTopology);
    }
  }
  // By the alias Prometheus finds them all.
  const std::string_view network =
      options.monitoring ? "  networks: {edge: {aliases: [pops]}}\n" : "  networks: [edge]\n";
  return fmt::format(fmt::runtime(kPop), fmt::arg("environment", environment),
                     fmt::arg("memory", compose_bytes(container.memory_bytes)),
                     fmt::arg("pids", container.processes), fmt::arg("network", network),
                     fmt::arg("mount", mount));
}

std::string command_lines(const std::vector<std::string>& command) {
  std::string lines;
  for (const std::string& word : command) {
    lines += fmt::format("      - {}\n", yaml_quoted_for_compose(word));
  }
  return lines;
}

std::string services(const Topology& topology, const ComposeOptions& options) {
  return fmt::format(
      fmt::runtime(kControlAndRouter),
      fmt::arg("control_command", command_lines(control_command(options.log, "/var/lib/isopop/pki",
                                                                JoinFolder::kWritten))),
      fmt::arg("router_command", command_lines(router_command(topology, options.log))),
      fmt::arg("control_memory", compose_bytes(options.memory.control_bytes)),
      fmt::arg("router_memory", compose_bytes(options.memory.router_bytes)));
}

std::string pop_services(const Topology& topology, const ComposeOptions& options) {
  std::string text;
  const std::size_t each = options.pops_per_container;
  if (options.scaled) {
    return fmt::format("  pop:\n    <<: *pop\n    scale: {}\n", topology.pops.size());
  }
  for (std::size_t first = 0; first < topology.pops.size(); first += each) {
    std::string identity;
    if (each == 1) {
      for (const auto& [name, value] : pop_identity(topology.pops[first])) {
        identity += fmt::format(", {}: {}", name, yaml_quoted_for_compose(value));
      }
    } else {
      std::vector<std::string> ids;
      for (std::size_t i = first; i < std::min(first + each, topology.pops.size()); ++i) {
        ids.push_back(topology.pops[i].id);
      }
      identity = fmt::format(", POPS: {}", yaml_quoted_for_compose(join(ids, ",")));
    }
    text += fmt::format("  {}:\n    <<: *pop\n    environment: {{<<: *pop-environment{}}}\n",
                        compose_service(topology, first, options), identity);
  }
  return text;
}

}  // namespace

Result<std::string> compose_file(const Topology& topology, const ComposeOptions& options) {
  ISOPOP_TRY(check(topology, options));
  std::string text = head(topology, options);
  text += fmt::format(fmt::runtime(kShared), fmt::arg("image", yaml_quoted(options.image)));
  text += pop_block(topology, options);
  text += services(topology, options);
  text += pop_services(topology, options);
  if (options.monitoring) text += kMonitoring;
  return text + std::string(kTail);
}

std::string compose_service(const Topology& topology, std::size_t pop,
                            const ComposeOptions& options) {
  if (options.scaled) return "pop";
  if (options.pops_per_container > 1) {
    return fmt::format("pops-{}", pop / options.pops_per_container);
  }
  return "pop-" + to_lower(topology.pops[pop].id);
}

}  // namespace isopop::sim
