// Memory that threads share, and waiting on it: what exact clocks are made of.
import { attack } from './attack.js';

export default attack(() => {
  const found = ['SharedArrayBuffer', 'Atomics', 'Worker'].filter((name) => name in globalThis);
  try {
    const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const kind = Object.prototype.toString.call(buffer);
    if (kind !== '[object ArrayBuffer]') found.push(`a memory of WebAssembly with ${kind}`);
  } catch {
    // As it should be.
  }
  return new Response(found.length === 0 ? 'whole' : `found ${found}`);
});
