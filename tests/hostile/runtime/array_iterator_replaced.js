// Arrays cannot be iterated any more.
import { attack } from './attack.js';

export default attack(async () => {
  const hijacked = () => { throw new Error('hijacked'); };
  Array.prototype[Symbol.iterator] = hijacked;
  Object.getPrototypeOf(new Map()[Symbol.iterator]()).next = hijacked;
  return new Response('whole');
});
