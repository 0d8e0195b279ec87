// Very many instances of a module, each with a memory of its own.
import { attack } from './attack.js';
import module from './state.wasm';

export default attack(() => {
  const hoard = [];
  for (;;) {
    const { memory } = new WebAssembly.Instance(module).exports;
    new Uint8Array(memory.buffer).fill(1);
    hoard.push(memory);
  }
});
