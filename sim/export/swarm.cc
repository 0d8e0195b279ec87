#include "sim/export/swarm.h"

#include <fmt/format.h>

#include <vector>

#include "common/hash/hash.h"
#include "sim/export/yaml_text.h"

namespace isopop::sim {
namespace {

constexpr std::string_view kHead =
    R"(# Network {name} for Docker's swarm mode: {pops} PoPs, a router and a control plane.
# Written by `{made_by}`; change the topology and write it again.
#
#   docker swarm init
#   popctl pki init --out pki  # beside this file
#   docker stack deploy -c FILE isopop
#   docker stack rm isopop
#
# Variables: ISOPOP_IMAGE (isopop:latest; on every node, or in a registry that all nodes reach),
# ISOPOP_PORT (8080, of the node that runs the router) and ISOPOP_SUBNET (10.221.0.0/20).

version: "3.9"

x-isopop: &isopop
  image: {image}
  stop_signal: SIGTERM
  stop_grace_period: 10s
  read_only: true
  cap_drop: [ALL]
  networks: [edge]
  logging:  # hundreds of logs must not fill a disk
    driver: json-file
    options:
      max-size: 1m
      max-file: "2"

x-deploy: &deploy
  endpoint_mode: dnsrr  # names resolve to the tasks themselves: no virtual addresses, no IPVS
  restart_policy: {{condition: any, delay: 5s}}

services:
)";

constexpr std::string_view kControlAndRouter = R"(  control:
    <<: *isopop
    command:
{control_command}    environment:  # for `exec`
      POPCTL_ENDPOINT: "127.0.0.1:7070"
      POPCTL_CA: /run/isopop-pki/ca.crt
      POPCTL_TOKEN_FILE: /run/isopop-pki/admin.token
    secrets:
      - {{source: ca.crt, target: /run/isopop-pki/ca.crt, uid: "10001", mode: 0400}}
      - {{source: ca.key, target: /run/isopop-pki/ca.key, uid: "10001", mode: 0400}}
      - {{source: bundle.key, target: /run/isopop-pki/bundle.key, uid: "10001", mode: 0400}}
      - {{source: secrets.key, target: /run/isopop-pki/secrets.key, uid: "10001", mode: 0400}}
      - {{source: admin.token, target: /run/isopop-pki/admin.token, uid: "10001", mode: 0400}}
      - {{source: join.token, target: /run/isopop-pki/join.token, uid: "10001", mode: 0400}}
    volumes:
      - {{type: volume, source: control-state, target: /var/lib/isopop}}
      - {{type: tmpfs, target: /tmp, tmpfs: {{size: 67108864}}}}
    healthcheck:  # until its first one nobody can resolve the name `control`
      test: ["CMD", "isopop-health", "127.0.0.1:7071", "/readyz"]
      interval: 10s
      timeout: 5s
      retries: 3
    deploy:
      <<: *deploy
      replicas: 1
      # The volume is on one node. With several managers: put the label of one of them here.
      placement: {{constraints: ["node.role == manager"]}}
      update_config: {{order: stop-first, failure_action: rollback}}
      resources:
        reservations: {{cpus: "0.1", memory: 64M}}
        limits: {{memory: {control_memory}}}

  router:
    <<: *isopop
    command:
{router_command}    ports:
      - {{target: 8080, published: "${{ISOPOP_PORT:-8080}}", protocol: tcp, mode: host}}
    secrets: &join
      - {{source: ca.crt, target: /var/lib/isopop-join/ca.crt, uid: "10001", mode: 0400}}
      - {{source: join.token, target: /var/lib/isopop-join/join.token, uid: "10001", mode: 0400}}
    volumes:
      - {{type: tmpfs, target: /var/lib/isopop, tmpfs: {{size: 16777216}}}}
    healthcheck:
      test: ["CMD", "isopop-health", "127.0.0.1:8080", "/__isopop/readyz"]
      interval: 10s
      timeout: 5s
      retries: 3
    deploy:
      <<: *deploy
      replicas: 1
      update_config: {{order: stop-first, failure_action: rollback}}
      resources:
        reservations: {{cpus: "0.1", memory: 64M}}
        limits: {{memory: {router_memory}}}

)";

constexpr std::string_view kPop = R"(  pop:
    <<: *isopop
    command: [isopop, pop]
    # A task finds its PoP by the number at the end of its host name: pop-1 is the list's first.
    hostname: "pop-{{{{.Task.Slot}}}}"
    environment:
{environment}    secrets: *join
    configs:
      - {{source: {config}, target: /etc/isopop/topology.yaml}}
    volumes:
      - {{type: tmpfs, target: /var/lib/isopop, tmpfs: {{size: 67108864}}}}
      - {{type: tmpfs, target: /tmp, tmpfs: {{size: 16777216}}}}
    # A task counts as started after its first check only, which would hold up every change; and the
    # control plane knows better which PoPs are ready.
    healthcheck: {{disable: true}}
    deploy:
      <<: *deploy
      replicas: {pops}
      # Over zones first, where nodes have such a label, then over nodes.
      placement: {{preferences: [{{spread: node.labels.zone}}]}}
      update_config: {{parallelism: 10, delay: 1s, order: stop-first, failure_action: rollback}}
      rollback_config: {{parallelism: 10, order: stop-first}}
      resources:
        reservations: {{cpus: "0.01", memory: 32M}}
        limits: {{memory: {memory}, pids: {pids}}}

networks:
  edge:
    driver: overlay
    attachable: true
    ipam:
      config:
        - subnet: "${{ISOPOP_SUBNET:-10.221.0.0/20}}"

# Configs cannot be changed: another topology is another name.
configs:
  {config}:
    file: {file}

# Made beforehand by `popctl pki init --out pki`; another folder by ISOPOP_PKI.
secrets:
  ca.crt: {{file: "${{ISOPOP_PKI:-./pki}}/ca.crt"}}
  ca.key: {{file: "${{ISOPOP_PKI:-./pki}}/ca.key"}}
  bundle.key: {{file: "${{ISOPOP_PKI:-./pki}}/bundle.key"}}
  secrets.key: {{file: "${{ISOPOP_PKI:-./pki}}/secrets.key"}}
  admin.token: {{file: "${{ISOPOP_PKI:-./pki}}/admin.token"}}
  join.token: {{file: "${{ISOPOP_PKI:-./pki}}/join.token"}}

volumes:
  control-state: {{}}
)";

// Bounds of swarm mode.
constexpr std::size_t kConfigBytesMax = 500'000;

std::string command_lines(const std::vector<std::string>& command) {
  std::string lines;
  for (const std::string& word : command) {
    lines += fmt::format("      - {}\n", yaml_quoted_for_compose(word));
  }
  return lines;
}

std::string environment_lines(const Topology& topology, const SwarmOptions& options) {
  Environment environment = pop_environment(topology.pop, options.memory, options.log);
  environment.emplace_back("POP_TOPOLOGY", "/etc/isopop/topology.yaml");
  environment.emplace_back("POP_INDEX_BASE", "-1");  // tasks count from 1
  std::string lines;
  for (const auto& [name, value] : environment) {
    lines += fmt::format("      {}: {}\n", name, yaml_quoted_for_compose(value));
  }
  return lines;
}

}  // namespace

Result<std::string> swarm_stack(const Topology& topology, const SwarmOptions& options) {
  if (options.topology_text.size() > kConfigBytesMax) {
    return Error{ErrorCode::kOutOfRange,
                 fmt::format("the topology's file has {} bytes, and a config of swarm at most {}: "
                             "shorten its comments, or use k8s",
                             options.topology_text.size(), kConfigBytesMax)};
  }
  constexpr std::size_t kDigits = 12;
  const std::string config = "topology-" + sha256_hex(options.topology_text).substr(0, kDigits);
  const PopContainer container = pop_container(topology.pop, options.memory, 1);
  std::string text = fmt::format(fmt::runtime(kHead), fmt::arg("name", yaml_comment(topology.name)),
                                 fmt::arg("pops", topology.pops.size()),
                                 fmt::arg("made_by", yaml_comment(options.made_by)),
                                 fmt::arg("image", yaml_quoted(options.image)));
  text += fmt::format(
      fmt::runtime(kControlAndRouter),
      fmt::arg("control_command",
               command_lines(control_command(options.log, "/run/isopop-pki", JoinFolder::kGiven))),
      fmt::arg("router_command", command_lines(router_command(topology, options.log))),
      fmt::arg("control_memory", compose_bytes(options.memory.control_bytes)),
      fmt::arg("router_memory", compose_bytes(options.memory.router_bytes)));
  text +=
      fmt::format(fmt::runtime(kPop), fmt::arg("environment", environment_lines(topology, options)),
                  fmt::arg("config", config), fmt::arg("pops", topology.pops.size()),
                  fmt::arg("memory", compose_bytes(container.memory_bytes)),
                  fmt::arg("pids", container.processes),
                  fmt::arg("file", yaml_quoted_for_compose(options.topology_file)));
  return text;
}

}  // namespace isopop::sim
