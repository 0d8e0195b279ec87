// Another Promise.prototype.then, which the platform's own code would call.
import { attack } from './attack.js';

export default attack(async () => {
  Promise.prototype.then = function hijacked() { throw new Error('hijacked'); };
  Promise.prototype.catch = undefined;
  Promise.prototype.finally = null;
  await null;
  return new Response('whole');
});
