// Holds an object against the schema of the Kubernetes API (package kubernetes-models), strictly: the API server
// drops a field that it does not know, so such a field is a problem too.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

// The package's checks read exactly the fields that the schema knows. What nobody read is unknown.
function watched(value, path, read) {
  if (value === null || typeof value !== 'object') return value;
  return new Proxy(value, {
    get(target, key, receiver) {
      const found = Reflect.get(target, key, receiver);
      if (typeof key !== 'string' || !Object.hasOwn(target, key)) return found;
      read.add(`${path}/${key}`);
      return watched(found, `${path}/${key}`, read);
    },
  });
}

function* fieldsOf(value, path) {
  if (value === null || typeof value !== 'object') return;
  for (const [key, inner] of Object.entries(value)) {
    yield `${path}/${key}`;
    yield* fieldsOf(inner, `${path}/${key}`);
  }
}

export function checkSchema(object, name, problems) {
  let models = {};
  try {
    models = require(`kubernetes-models/${object.apiVersion}`);
  } catch {
    // Said below.
  }
  const model = models[object.kind];
  if (model === undefined) {
    problems.push(`${name}: the API has no ${object.kind} in ${object.apiVersion}`);
    return;
  }
  const read = new Set();
  try {
    model.prototype.validate.call(watched(object, '', read));
  } catch (error) {
    problems.push(`${name}: ${error.message}`);
    return;
  }
  for (const field of fieldsOf(object, '')) {
    if (!read.has(field)) problems.push(`${name}: the API knows no ${field}`);
  }
}
