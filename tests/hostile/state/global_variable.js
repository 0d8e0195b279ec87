// A property of the global object.
import { leaving } from './attack.js';

export default leaving({
  look: () => globalThis.left,
  leave: () => { globalThis.left = 'a global variable'; },
});
