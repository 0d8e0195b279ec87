// Objects that the next request cannot change any more.
import { leaving } from './attack.js';

export default leaving({
  look: () => Object.isFrozen(Object.prototype) && 'a frozen Object.prototype',
  leave: () => {
    for (const type of [Object, Array, Function, Promise, Response]) Object.freeze(type.prototype);
    Object.preventExtensions(globalThis);
  },
});
