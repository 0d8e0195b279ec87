// It crashes when the client has its answer already.
import { attack } from './attack.js';

export default attack((request, env, ctx) => {
  ctx.waitUntil((async () => {
    await new Promise((resolve) => { setTimeout(resolve, 5); });
    console.log('crash: null');
  })());
  return new Response('answered');
});
