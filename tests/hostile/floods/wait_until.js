// A hundred thousand things to wait for after the answer.
import { attack } from './attack.js';

export default attack((request, env, ctx) => {
  for (let i = 0; i < 100000; ++i) ctx.waitUntil(i % 2 ? null : Promise.resolve(i));
  return new Response('whole');
});
