// More timers than there may be.
import { attack } from './attack.js';

export default attack(() => {
  let count = 0;
  try {
    for (; count < 1000000; ++count) setTimeout(() => {}, 1e6);
  } catch (error) {
    return new Response(`refused: ${count < 100000}`);
  }
  return new Response('not refused');
});
