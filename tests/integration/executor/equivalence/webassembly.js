// Instances of a module made before and within the request, with memory that grows.
import module from './state.wasm';

const kept = new WebAssembly.Instance(module).exports;
export default {
  fetch() {
    const fresh = new WebAssembly.Instance(module).exports;
    const counts = [kept.bump(), kept.bump(), fresh.bump(), kept.counter.value];
    const grown = [kept.memory.grow(2), fresh.memory.grow(1)];
    const bytes = new Uint8Array(kept.memory.buffer);
    const before = bytes[1000];
    bytes.fill(9);
    let error;
    try {
      kept.trap();
    } catch (caught) {
      error = String(caught);
    }
    return Response.json({ counts, grown, before, error, pages: kept.memory.buffer.byteLength });
  },
};
