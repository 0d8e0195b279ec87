// Timers at times that do not exist.
import { attack } from './attack.js';

export default attack(async () => {
  const far = [2 ** 31, 2 ** 53, Infinity, 1e308].map((delay) => setTimeout(() => {}, delay));
  const near = [-1, NaN, -Infinity, undefined, null, 'soon', {}, 0.1];
  let fired = 0;
  await new Promise((resolve) => {
    for (const delay of near) {
      setTimeout(() => {
        fired += 1;
        if (fired === near.length) resolve();
      }, delay);
    }
  });
  far.forEach(clearTimeout);
  clearTimeout(-1);
  clearTimeout('all');
  return new Response(`fired: ${fired} of ${near.length}`);
});
