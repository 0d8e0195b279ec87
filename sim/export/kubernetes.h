#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "sim/export/container_settings.h"
#include "sim/topology/topology.h"

namespace isopop::sim {

struct ExportedFile {
  std::string name;  // within the folder
  std::string text;
};

// How a topology becomes a Kustomize overlay.
struct KubernetesOptions {
  ContainerMemory memory;
  ProgramLog log;
  std::string base = "../../base";  // from the overlay's folder to docker/k8s/base
  std::string made_by = "isopop topology export --target k8s";
};

// An overlay of docker/k8s/base: kustomization.yaml; pops.yaml with a StatefulSet and a
// PodDisruptionBudget for each region; topology.yaml, the topology with its PoPs together by
// region, so that each region's pods are one stretch of the list. Deterministic. OUT_OF_RANGE when
// topology.yaml is larger than a ConfigMap may be.
[[nodiscard]] Result<std::vector<ExportedFile>> kubernetes_overlay(
    const Topology& topology, const KubernetesOptions& options);

}  // namespace isopop::sim
