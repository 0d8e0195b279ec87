// An entry of a WeakMap whose key lives on.
import { leaving } from './attack.js';

const notes = new WeakMap();
export default leaving({
  look: () => notes.get(globalThis),
  leave: () => { notes.set(globalThis, 'in a WeakMap'); },
});
