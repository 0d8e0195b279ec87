// Built-in methods of arrays make something else.
import { attack } from './attack.js';

export default attack(async () => {
  Object.defineProperty(Array, Symbol.species, { get() { throw new Error('hijacked'); } });
  Object.defineProperty(Uint8Array.__proto__, Symbol.species, {  // eslint-disable-line no-proto
    get() { throw new Error('hijacked'); },
  });
  return new Response('whole', { headers: [['a', 'b'], ['set-cookie', 'c']] });
});
