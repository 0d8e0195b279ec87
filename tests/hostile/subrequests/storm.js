// A thousand requests to a neighbour at once.
import { attack } from './attack.js';

export default attack(async () => {
  const asked = [];
  for (let i = 0; i < 1000; ++i) asked.push(fetch(`http://neighbour.example/?n=${i}`));
  const settled = await Promise.allSettled(asked);
  const answered = settled.filter(({ status }) => status === 'fulfilled').length;
  return new Response(`${answered} of ${settled.length}`);
});
