#include "sim/export/kubernetes.h"

#include <fmt/format.h>

#include <utility>

#include "sim/export/region_groups.h"
#include "sim/export/topology_file.h"
#include "sim/export/yaml_text.h"
#include "sim/topology/program_options.h"

namespace isopop::sim {
namespace {

constexpr std::string_view kKustomization =
    R"(# Network {name}: {pops} PoPs in {regions} regions, on Kubernetes.
# Written by `{made_by}`; change the topology and write it again.
#
#   kubectl apply -k FOLDER  # with the Secrets isopop-pki and isopop-join, see docker/k8s/README.md
#   kubectl delete -k FOLDER

apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization

namespace: isopop

resources:
  - {base}
  - pops.yaml

# Where the nodes get the image from.
images:
  - name: isopop
    newName: isopop
    newTag: latest

# A change of what stands here gives the map another name, and restarts who uses it.
configMapGenerator:
  - name: isopop-topology
    files:
      - topology.yaml
  - name: isopop-pop
    literals:
{pop_literals}  - name: isopop-router
    literals:
{router_literals})";

constexpr std::string_view kPopsHead =
    R"(# The PoPs of network {name}: a StatefulSet for each region. A pod finds its PoP by the
# number at the end of its name and POP_INDEX_BASE, the place of the region's first PoP in
# topology.yaml.
# Written by `{made_by}`; change the topology and write it again.
)";

constexpr std::string_view kRegion = R"(
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: pop-{region}
  labels:
    app.kubernetes.io/name: isopop
    app.kubernetes.io/component: pop
    isopop/region: "{region}"
spec:
  serviceName: pop
  replicas: {count}
  podManagementPolicy: Parallel
  selector:
    matchLabels:
      app.kubernetes.io/name: isopop
      app.kubernetes.io/component: pop
      isopop/region: "{region}"
  template:
    metadata:
      labels:
        app.kubernetes.io/name: isopop
        app.kubernetes.io/component: pop
        isopop/region: "{region}"
    spec:
      serviceAccountName: isopop
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 10
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        runAsGroup: 10001
        fsGroup: 10001
        seccompProfile:
          type: RuntimeDefault
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: topology.kubernetes.io/zone
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              app.kubernetes.io/name: isopop
              app.kubernetes.io/component: pop
              isopop/region: "{region}"
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              app.kubernetes.io/name: isopop
              app.kubernetes.io/component: pop
              isopop/region: "{region}"
      containers:
        - name: pop
          image: isopop
          imagePullPolicy: IfNotPresent
          command: [isopop, pop]
          envFrom:
            - configMapRef:
                name: isopop-pop
          env:
            - name: POP_TOPOLOGY
              value: /etc/isopop/topology.yaml
            - name: POP_INDEX_BASE
              value: "{first}"
          ports:
            - name: http
              containerPort: 8080
          startupProbe:
            httpGet:
              path: /__isopop/healthz
              port: http
            periodSeconds: 2
            failureThreshold: 90
          readinessProbe:
            httpGet:
              path: /__isopop/readyz
              port: http
            periodSeconds: 10
            timeoutSeconds: 3
          livenessProbe:
            httpGet:
              path: /__isopop/healthz
              port: http
            periodSeconds: 30
            timeoutSeconds: 5
          resources:
            requests:
              cpu: 10m
              memory: 32Mi
            limits:
              memory: "{memory}"
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          volumeMounts:
            - name: topology
              mountPath: /etc/isopop/topology.yaml
              subPath: topology.yaml
              readOnly: true
            - name: join
              mountPath: /var/lib/isopop-join
              readOnly: true
            - name: state
              mountPath: /var/lib/isopop
            - name: tmp
              mountPath: /tmp
      volumes:
        - name: join
          secret:
            secretName: isopop-join
            defaultMode: 0440
        - name: topology
          configMap:
            name: isopop-topology
        - name: state
          emptyDir:
            medium: Memory
            sizeLimit: 64Mi
        - name: tmp
          emptyDir:
            medium: Memory
            sizeLimit: 16Mi
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: pop-{region}
spec:
  maxUnavailable: 10%
  selector:
    matchLabels:
      app.kubernetes.io/name: isopop
      app.kubernetes.io/component: pop
      isopop/region: "{region}"
)";

// Of a ConfigMap, all that is in it.
constexpr std::size_t kConfigMapBytesMax = 1'048'576;

// One literal of a generator: NAME=value, as one scalar.
std::string literal(std::string_view name, std::string_view value) {
  return fmt::format("      - {}\n", yaml_quoted(fmt::format("{}={}", name, value)));
}

std::string pop_literals(const Topology& topology, const KubernetesOptions& options) {
  std::string lines;
  for (const auto& [name, value] : pop_environment(topology.pop, options.memory, options.log)) {
    lines += literal(name, value);
  }
  return lines;
}

std::string router_literals(const Topology& topology, const KubernetesOptions& options) {
  std::vector<ProgramOption> settings = router_options(topology);
  settings.push_back({"log-level", options.log.level});
  settings.push_back({"log-format", options.log.format});
  std::string lines;
  for (const ProgramOption& option : settings) {
    lines += literal(environment_name("isopop-router", option.name), option.value);
  }
  return lines;
}

std::string kustomization(const RegionalTopology& regional, const KubernetesOptions& options) {
  const Topology& topology = regional.topology;
  return fmt::format(fmt::runtime(kKustomization), fmt::arg("name", yaml_comment(topology.name)),
                     fmt::arg("pops", topology.pops.size()),
                     fmt::arg("regions", regional.groups.size()),
                     fmt::arg("made_by", yaml_comment(options.made_by)),
                     fmt::arg("base", yaml_quoted(options.base)),
                     fmt::arg("pop_literals", pop_literals(topology, options)),
                     fmt::arg("router_literals", router_literals(topology, options)));
}

std::string pops(const RegionalTopology& regional, const KubernetesOptions& options) {
  const std::uint64_t memory = pop_container(regional.topology.pop, options.memory, 1).memory_bytes;
  std::string text =
      fmt::format(fmt::runtime(kPopsHead), fmt::arg("name", yaml_comment(regional.topology.name)),
                  fmt::arg("made_by", yaml_comment(options.made_by)));
  for (const RegionGroup& group : regional.groups) {
    text += fmt::format(fmt::runtime(kRegion), fmt::arg("region", group.label),
                        fmt::arg("count", group.count), fmt::arg("first", group.first),
                        fmt::arg("memory", kubernetes_bytes(memory)));
  }
  return text;
}

}  // namespace

Result<std::vector<ExportedFile>> kubernetes_overlay(const Topology& topology,
                                                     const KubernetesOptions& options) {
  const RegionalTopology regional = by_region(topology);
  std::string list = topology_file(
      regional.topology, fmt::format("The PoPs of network {}, together by region.\nWritten by "
                                     "`{}`; change the topology and write it again.",
                                     yaml_comment(topology.name), options.made_by));
  if (list.size() > kConfigMapBytesMax) {
    return Error{ErrorCode::kOutOfRange,
                 fmt::format("the list of PoPs takes {} bytes, and a ConfigMap at most {}: make it "
                             "two networks of fewer PoPs",
                             list.size(), kConfigMapBytesMax)};
  }
  std::vector<ExportedFile> files;
  files.push_back({"kustomization.yaml", kustomization(regional, options)});
  files.push_back({"pops.yaml", pops(regional, options)});
  files.push_back({"topology.yaml", std::move(list)});
  return files;
}

}  // namespace isopop::sim
