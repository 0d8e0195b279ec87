// What no schema sees: that the objects of a network fit each other.

import { parse } from 'yaml';

const workloads = new Set(['StatefulSet', 'Deployment']);
// Who applies the overlay makes these.
const foreignSecrets = new Set(['isopop-pki', 'isopop-join']);

const nameOf = (object) => `${object.kind} ${object.metadata.name}`;
const labelsOf = (workload) => workload.spec.template.metadata.labels;
const containersOf = (workload) => workload.spec.template.spec.containers;
const portsOf = (workload) => containersOf(workload).flatMap((container) => container.ports ?? []);

function fits(selector, labels) {
  return Object.entries(selector ?? {}).every(([key, value]) => labels?.[key] === value);
}

function hasPort(workload, port) {
  return portsOf(workload).some((one) => one.name === port || one.containerPort === port);
}

function checkNames(objects, problems) {
  const seen = new Set();
  for (const object of objects) {
    const name = nameOf(object);
    if (seen.has(name)) problems.push(`${name}: is there twice`);
    seen.add(name);
    if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(object.metadata.name)) {
      problems.push(`${name}: is no name that DNS takes`);
    }
  }
}

function checkMounts(workload, maps, problems) {
  const spec = workload.spec.template.spec;
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  for (const claim of workload.spec.volumeClaimTemplates ?? []) volumes.set(claim.metadata.name, {});
  for (const container of containersOf(workload)) {
    for (const mount of container.volumeMounts ?? []) {
      const volume = volumes.get(mount.name);
      if (volume === undefined) problems.push(`${nameOf(workload)}: has no volume ${mount.name}`);
      const data = maps.get(volume?.configMap?.name);
      if (mount.subPath !== undefined && data !== undefined && !(mount.subPath in data)) {
        problems.push(`${nameOf(workload)}: ConfigMap ${volume.configMap.name} has no key ${mount.subPath}`);
      }
    }
  }
  for (const volume of volumes.values()) {
    if (volume.configMap !== undefined && !maps.has(volume.configMap.name)) {
      problems.push(`${nameOf(workload)}: there is no ConfigMap ${volume.configMap.name}`);
    }
    if (volume.secret !== undefined && !foreignSecrets.has(volume.secret.secretName)) {
      problems.push(`${nameOf(workload)}: there is no Secret ${volume.secret.secretName}`);
    }
  }
}

// The profile "restricted" of Pod Security, which the namespace enforces, and a root that cannot be written.
function checkSecurity(workload, problems) {
  const spec = workload.spec.template.spec;
  const wants = (is, what) => is || problems.push(`${nameOf(workload)}: ${what}`);
  wants(spec.securityContext?.runAsNonRoot === true, 'may run as root');
  wants(spec.securityContext?.seccompProfile?.type === 'RuntimeDefault', 'has no seccomp profile');
  wants(spec.automountServiceAccountToken === false, 'gets a token of the API server');
  for (const { securityContext: own } of containersOf(workload)) {
    wants(own?.allowPrivilegeEscalation === false, 'may gain privileges');
    wants(own?.readOnlyRootFilesystem === true, 'may write its root file system');
    wants(own?.capabilities?.drop?.includes('ALL'), 'keeps capabilities');
  }
}

function checkWorkload(workload, objects, maps, problems) {
  const name = nameOf(workload);
  if (!fits(workload.spec.selector.matchLabels, labelsOf(workload))) {
    problems.push(`${name}: its selector does not match its own pods`);
  }
  const has = (kind, wanted) => objects.some((one) => one.kind === kind && one.metadata.name === wanted);
  if (workload.kind === 'StatefulSet' && !has('Service', workload.spec.serviceName)) {
    problems.push(`${name}: there is no Service ${workload.spec.serviceName}`);
  }
  const account = workload.spec.template.spec.serviceAccountName;
  if (!has('ServiceAccount', account)) problems.push(`${name}: there is no ServiceAccount ${account}`);
  for (const container of containersOf(workload)) {
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
      const port = container[probe]?.httpGet?.port;
      if (port === undefined) problems.push(`${name}: has no ${probe}`);
      else if (!hasPort(workload, port)) problems.push(`${name}: its ${probe} asks port ${port}, which it has not`);
    }
    if (container.resources?.requests?.memory === undefined) problems.push(`${name}: requests no memory`);
    for (const { configMapRef } of container.envFrom ?? []) {
      if (configMapRef && !maps.has(configMapRef.name)) problems.push(`${name}: there is no ConfigMap ${configMapRef.name}`);
    }
  }
  checkMounts(workload, maps, problems);
  checkSecurity(workload, problems);
}

function checkService(service, all, problems) {
  const pods = all.filter((workload) => fits(service.spec.selector, labelsOf(workload)));
  if (pods.length === 0) problems.push(`${nameOf(service)}: selects no pods`);
  for (const port of service.spec.ports) {
    for (const workload of pods.filter((one) => !hasPort(one, port.targetPort))) {
      problems.push(`${nameOf(service)}: port ${port.targetPort} is none of ${nameOf(workload)}`);
    }
  }
}

function checkPolicy(policy, all, problems) {
  const name = nameOf(policy);
  const selected = (selector) => {
    const pods = all.filter((workload) => fits(selector.matchLabels, labelsOf(workload)));
    if (pods.length === 0) problems.push(`${name}: selects no pods`);
    return pods;
  };
  const own = selected(policy.spec.podSelector);
  const checkPorts = (rule, pods) => {
    for (const { port } of rule.ports ?? []) {
      for (const workload of pods.filter((one) => !hasPort(one, port))) {
        problems.push(`${name}: port ${port} is none of ${nameOf(workload)}`);
      }
    }
  };
  for (const rule of policy.spec.ingress ?? []) {
    for (const peer of rule.from ?? []) if (peer.podSelector && !peer.namespaceSelector) selected(peer.podSelector);
    checkPorts(rule, own);
  }
  for (const rule of policy.spec.egress ?? []) {
    for (const peer of rule.to) if (peer.podSelector && !peer.namespaceSelector) checkPorts(rule, selected(peer.podSelector));
  }
}

// Every PoP of the list is some pod's, and no pod is without one.
function checkPops(all, maps, problems) {
  const { pops } = parse(maps.get('isopop-topology')['topology.yaml']);
  const takenBy = new Map();
  for (const workload of all.filter((one) => labelsOf(one)['app.kubernetes.io/component'] === 'pop')) {
    const base = containersOf(workload)[0].env.find((one) => one.name === 'POP_INDEX_BASE')?.value;
    for (let i = 0; i < workload.spec.replicas; ++i) {
      const index = Number(base) + i;
      if (pops[index] === undefined) problems.push(`${nameOf(workload)}: the topology has no PoP ${index}`);
      if (takenBy.has(index)) problems.push(`${nameOf(workload)}: PoP ${index} is also ${takenBy.get(index)}'s`);
      takenBy.set(index, nameOf(workload));
      const label = pops[index]?.region?.toLowerCase().replaceAll(' ', '-');
      if (label !== undefined && label !== labelsOf(workload)['isopop/region']) {
        problems.push(`${nameOf(workload)}: PoP ${index} is of region ${pops[index].region}`);
      }
    }
  }
  if (takenBy.size !== pops.length) problems.push(`${takenBy.size} pods for ${pops.length} PoPs`);
}

export function checkReferences(objects, problems) {
  const all = objects.filter((object) => workloads.has(object.kind));
  const maps = new Map(objects.filter((one) => one.kind === 'ConfigMap').map((one) => [one.metadata.name, one.data]));
  checkNames(objects, problems);
  for (const workload of all) checkWorkload(workload, objects, maps, problems);
  for (const object of objects) {
    if (object.kind === 'Service') checkService(object, all, problems);
    if (object.kind === 'NetworkPolicy') checkPolicy(object, all, problems);
    if (object.kind === 'PodDisruptionBudget') {
      const covered = all.filter((workload) => fits(object.spec.selector.matchLabels, labelsOf(workload)));
      if (covered.length !== 1) problems.push(`${nameOf(object)}: covers ${covered.length} workloads, not one`);
    }
  }
  if (maps.has('isopop-topology')) checkPops(all, maps, problems);
  else problems.push('there is no ConfigMap isopop-topology');
}
