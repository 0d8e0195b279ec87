// How many timers fire while a piece of work runs: none, they have one thread.
import { attack } from './attack.js';

export default attack(async () => {
  let ticks = 0;
  setInterval(() => { ticks += 1; }, 0);
  for (let i = 0, sum = 0; i < 5e6; ++i) sum += i;
  await null;
  return new Response(`passed: ${ticks}`);
});
