// Memory taken when the client has its answer already.
import { attack } from './attack.js';

export default attack((request, env, ctx) => {
  ctx.waitUntil((async () => {
    await new Promise((resolve) => { setTimeout(resolve, 1); });
    const hoard = [];
    for (;;) hoard.push(new Array(1000).fill(1));
  })());
  return new Response('answered');
});
