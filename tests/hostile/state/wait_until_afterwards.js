// Work that goes on after the answer, on purpose.
import { leaving } from './attack.js';

let left;
export default leaving({
  look: () => left,
  leave: (request, env, ctx) => {
    ctx.waitUntil((async () => {
      await new Promise((resolve) => { setTimeout(resolve, 2); });
      left = 'by waitUntil()';
    })());
  },
});
