// A symbol of the registry that all realms share, as the name of something hidden.
import { leaving } from './attack.js';

export default leaving({
  look: () => globalThis[Symbol.for('left behind')],
  leave: () => {
    Object.defineProperty(globalThis, Symbol.for('left behind'), { value: 'under a symbol' });
  },
});
