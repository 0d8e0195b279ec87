// An entry in a table of a WebAssembly instance.
import { leaving } from './attack.js';
import module from './state.wasm';

const { table, bump } = new WebAssembly.Instance(module).exports;
export default leaving({
  look: () => table.get(1) !== null && 'a function in the table',
  leave: () => { table.set(1, bump); },
});
