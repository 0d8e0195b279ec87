// An exported binding of the worker's main module.
import { leaving } from './attack.js';

export let left;
export default leaving({
  look: () => left,
  leave: (request) => { left = request.url; },
});
