// Reads a Kustomize folder as kustomize would: its resources, with components and patches applied, and the ConfigMaps
// it generates. Only what this project uses of Kustomize; anything else is a problem to report.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { parseAllDocuments } from 'yaml';

const knownKeys = new Set([
  'apiVersion', 'kind', 'namespace', 'resources', 'components', 'images', 'configMapGenerator', 'patches',
]);

export function parseFile(path, problems) {
  if (!existsSync(path)) {
    problems.push(`${path}: is not there`);
    return [];
  }
  const documents = parseAllDocuments(readFileSync(path, 'utf8'), { version: '1.1', merge: true });
  for (const document of documents) {
    for (const error of document.errors) problems.push(`${path}: ${error.message}`);
  }
  return documents.map((document) => document.toJS()).filter((value) => value !== null);
}

// Objects with a `name` are the same entry; everything else of a list is added.
function merge(base, patch) {
  if (Array.isArray(base) && Array.isArray(patch)) {
    const merged = [...base];
    for (const entry of patch) {
      const same = merged.findIndex((other) => entry?.name !== undefined && other?.name === entry.name);
      if (same >= 0) merged[same] = merge(merged[same], entry);
      else merged.push(entry);
    }
    return merged;
  }
  if (base && patch && typeof base === 'object' && typeof patch === 'object') {
    const merged = { ...base };
    for (const [key, value] of Object.entries(patch)) merged[key] = key in base ? merge(base[key], value) : value;
    return merged;
  }
  return patch;
}

function matches(target, object) {
  const [label, value] = target.labelSelector?.split('=') ?? [];
  return (
    (target.kind === undefined || target.kind === object.kind) &&
    (target.name === undefined || target.name === object.metadata.name) &&
    (label === undefined || object.metadata.labels?.[label] === value)
  );
}

function generate(folder, generator, problems, used) {
  const data = {};
  for (const file of generator.files ?? []) {
    used.add(file);
    const path = join(folder, file);
    if (existsSync(path)) data[file] = readFileSync(path, 'utf8');
    else problems.push(`${path}: is not there`);
  }
  for (const literal of generator.literals ?? []) {
    const at = literal.indexOf('=');
    if (at < 1) problems.push(`${folder}: the literal '${literal}' of ${generator.name} has no name`);
    else data[literal.slice(0, at)] = literal.slice(at + 1);
  }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: generator.name }, data };
}

// All objects of the folder. `objects` are those that a component finds there already.
export function readKustomization(folder, problems, objects = []) {
  const path = join(folder, 'kustomization.yaml');
  const [content] = parseFile(path, problems);
  if (content === undefined) return objects;
  const used = new Set(['kustomization.yaml']);
  let all = [...objects];
  for (const key of Object.keys(content)) {
    if (!knownKeys.has(key)) problems.push(`${path}: ${key} is not known`);
  }
  for (const resource of content.resources ?? []) {
    used.add(resource);
    const target = normalize(join(folder, resource));
    if (existsSync(target) && statSync(target).isDirectory()) all.push(...readKustomization(target, problems));
    else all.push(...parseFile(target, problems));
  }
  all.push(...(content.configMapGenerator ?? []).map((one) => generate(folder, one, problems, used)));
  for (const component of content.components ?? []) {
    all = readKustomization(normalize(join(folder, component)), problems, all);
  }
  for (const patch of content.patches ?? []) {
    used.add(patch.path);
    const [change] = parseFile(join(folder, patch.path), problems);
    const targets = all.filter((object) => matches(patch.target, object));
    if (targets.length === 0) problems.push(`${path}: the patch ${patch.path} fits no object`);
    const kept = (object) => ({ ...merge(object, change), metadata: object.metadata });
    all = all.map((object) => (targets.includes(object) ? kept(object) : object));
  }
  for (const file of readdirSync(folder)) {
    if (file.endsWith('.yaml') && !used.has(file)) problems.push(`${join(folder, file)}: nobody names it`);
  }
  return all;
}
