// No Promise, or one that does nothing.
import { attack } from './attack.js';

export default attack(async (request, env, ctx) => {
  globalThis.Promise = class { static resolve() { throw new Error('hijacked'); } };
  ctx.waitUntil((async () => {})());
  return new Response('whole');
});
