// A property of every object.
import { leaving } from './attack.js';

export default leaving({
  look: () => ({}).left,
  leave: () => {
    // Not writable, so that nobody can lay it over.
    Object.defineProperty(Object.prototype, 'left', { value: 'in Object.prototype' });
  },
});
