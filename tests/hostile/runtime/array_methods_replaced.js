// Arrays whose methods lie.
import { attack } from './attack.js';

export default attack(async () => {
  for (const name of Object.getOwnPropertyNames(Array.prototype)) {
    if (typeof Array.prototype[name] === 'function' && name !== 'constructor') {
      Array.prototype[name] = function hijacked() { throw new Error(`hijacked ${name}`); };
    }
  }
  return new Response('whole', { headers: { a: 'b' } });
});
