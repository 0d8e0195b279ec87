// A global variable of a WebAssembly instance, which is not in its memory.
import { leaving } from './attack.js';
import module from './state.wasm';

const { counter, bump } = new WebAssembly.Instance(module).exports;
export default leaving({
  look: () => counter.value,
  leave: () => { bump(); },
});
