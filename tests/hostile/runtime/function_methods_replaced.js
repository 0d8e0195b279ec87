// call, apply and bind.
import { attack } from './attack.js';

export default attack(async (request, env, ctx) => {
  for (const name of ['call', 'apply', 'bind']) {
    Object.defineProperty(Function.prototype, name, {
      value() { throw new Error('hijacked'); },
    });
  }
  ctx.waitUntil(null);
  return new Response('whole');
});
