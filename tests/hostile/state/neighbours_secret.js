// What another worker of the same PoP keeps, wherever it can be reached from here.
import { leaving } from './attack.js';
import module from './state.wasm';

const word = ['neighbour', "'s secret"].join('');

function inObjects(root) {
  const seen = new Set([root]);
  for (const holder of seen) {
    if (seen.size > 20000) break;
    for (const key of Reflect.ownKeys(holder)) {
      let value;
      try {
        value = holder[key];
      } catch {
        continue;
      }
      if (typeof value === 'string' && value.includes(word)) return `in ${String(key)}`;
      if (typeof value === 'function' || (typeof value === 'object' && value !== null)) {
        seen.add(value);
      }
    }
    const parent = Reflect.getPrototypeOf(holder);
    if (parent !== null) seen.add(parent);
  }
  return undefined;
}

function inBytes(bytes) {
  return new TextDecoder('latin1').decode(bytes).includes(word) && 'in bytes';
}

export default leaving({
  look: (request, env) => inObjects(globalThis) ?? inObjects(env) ?? inObjects(request.cf)
    ?? (inBytes(new Uint8Array(new WebAssembly.Instance(module).exports.memory.buffer))
      || inBytes(new Uint8Array(1 << 20))),
  leave: () => {},
});
