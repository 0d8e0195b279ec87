// A loop that starts when the client has its answer already.
import { attack } from './attack.js';

export default attack((request, env, ctx) => {
  ctx.waitUntil((async () => {
    await new Promise((resolve) => { setTimeout(resolve, 1); });
    for (;;) {}
  })());
  return new Response('answered');
});
