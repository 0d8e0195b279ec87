// How long a piece of work takes, by the calendar.
import { attack } from './attack.js';

export default attack(() => {
  const begin = Date.now();
  for (let i = 0, sum = 0; i < 5e6; ++i) sum += i;
  return new Response(`passed: ${Date.now() - begin + (new Date().getTime() - begin)}`);
});
