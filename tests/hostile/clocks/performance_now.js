// The same with the finer clock.
import { attack } from './attack.js';

export default attack(async () => {
  const begin = performance.now();
  for (let i = 0, sum = 0; i < 5e6; ++i) sum += i;
  await null;
  const event = new Event('x').timeStamp - begin;
  return new Response(`passed: ${performance.now() - begin + event}`);
});
