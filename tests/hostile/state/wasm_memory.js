// Bytes in the memory of a WebAssembly instance of the module, and its size.
import { leaving } from './attack.js';
import module from './state.wasm';

const { memory } = new WebAssembly.Instance(module).exports;
const size = memory.buffer.byteLength;
export default leaving({
  look: () => new Uint8Array(memory.buffer)[100]
    || (memory.buffer.byteLength !== size && 'a memory that has grown'),
  leave: () => {
    memory.grow(3);
    new Uint8Array(memory.buffer).fill(7);
  },
});
