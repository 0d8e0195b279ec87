#pragma once

#include <cstddef>
#include <string>

#include "common/result/result.h"
#include "sim/export/container_settings.h"
#include "sim/topology/topology.h"

namespace isopop::sim {

// How a topology becomes a compose file.
struct ComposeOptions {
  // The image of all programs, as it stands in the file: variables are filled in by compose.
  std::string image = "${ISOPOP_IMAGE:-isopop:latest}";
  std::size_t pops_per_container = 1;
  // One service `pop` for `up --scale pop=N`, whose containers get their identities from the
  // control plane, instead of a service for each PoP.
  bool scaled = false;
  // Prometheus and Grafana, in the profile `monitoring`; their files are in docker/monitoring.
  bool monitoring = true;
  ContainerMemory memory;
  ProgramLog log;
  // Where containers look PoPs up that they know by their ids or by a lease only: the name of a
  // topology that is in the image, or an absolute path on the machine of the engine. PoPs in
  // containers of their own are told all about themselves and do not need it.
  std::string topology = "world";
  // Who wrote the file, for its first lines.
  std::string made_by = "isopop topology export --target compose";
};

// A Linux bridge has 1,023 ports; a container takes one.
inline constexpr std::size_t kComposeContainersMax = 1023;

// The compose file of a network: services control, router, and pop-ams … (or pops-0 …, or pop),
// popctl in the profile `tools`, one bridge network `edge`, the volumes of the control plane and of
// what lets others join. For Docker Compose 1.29 and 2. Deterministic.
// INVALID_ARGUMENT when pops_per_container is 0 or more than there are PoPs, or goes with `scaled`;
// OUT_OF_RANGE when the containers are more than a bridge takes.
[[nodiscard]] Result<std::string> compose_file(const Topology& topology,
                                               const ComposeOptions& options);

// The service that runs the PoP at that place of the topology: "pop-ams", "pops-3" or "pop".
[[nodiscard]] std::string compose_service(const Topology& topology, std::size_t pop,
                                          const ComposeOptions& options);

}  // namespace isopop::sim
