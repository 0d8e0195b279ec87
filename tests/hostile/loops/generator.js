// A generator without an end, drained by the platform.
import { attack } from './attack.js';

export default attack(() => {
  const endless = { * [Symbol.iterator]() { for (;;) yield ['a', 'b']; } };
  return new Response('x', { headers: endless });
});
