// The request of somebody else, with its address and headers.
import { leaving } from './attack.js';

let kept;
export default leaving({
  look: () => kept && `${kept.url} ${[...kept.headers]}`,
  leave: (request) => { kept = request; },
});
