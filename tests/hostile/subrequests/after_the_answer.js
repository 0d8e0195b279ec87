// Requests that go on when the client has its answer, and are then abandoned.
import { attack } from './attack.js';

export default attack((request, env, ctx) => {
  ctx.waitUntil(fetch('http://neighbour.example/?n=1').then((answer) => answer.text()));
  for (let i = 0; i < 30; ++i) fetch('http://neighbour.example/?n=2').catch(() => {});
  return new Response('whole');
});
