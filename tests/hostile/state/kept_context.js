// The context of a request that is over, to do work on its account.
import { leaving } from './attack.js';

let kept;
export default leaving({
  look: () => {
    kept?.waitUntil(Promise.resolve());
    return kept && 'a context';
  },
  leave: (request, env, ctx) => { kept = ctx; },
});
