// A worker that asks itself six times at once, which asks itself six times at once.
import { attack } from './attack.js';

export default attack(async (request) => {
  const asked = [];
  for (let i = 0; i < 6; ++i) asked.push(fetch(request.url));
  await Promise.allSettled(asked);
  return new Response('whole');
});
