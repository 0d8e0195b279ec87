// What then() makes is of a class of the worker's.
import { attack } from './attack.js';

export default attack(() => {
  const answer = (async () => new Response('whole'))();
  Object.defineProperty(Promise, Symbol.species, { get() { throw new Error('hijacked'); } });
  return answer;
});
