// Setters where arrays would have their elements.
import { attack } from './attack.js';

export default attack(async () => {
  for (let i = 0; i < 8; ++i) {
    Object.defineProperty(Array.prototype, i, {
      get() { return 'hijacked'; },
      set() { throw new Error('hijacked'); },
    });
  }
  return new Response('whole', { headers: { a: 'b' } });
});
