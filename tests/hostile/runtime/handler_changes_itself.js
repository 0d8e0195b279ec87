// A handler that is replaced while it runs, by something that is none.
import { attack } from './attack.js';

const worker = attack(() => {
  Object.defineProperty(worker, 'fetch', { get() { throw new Error('hijacked'); } });
  return new Response('whole');
});
export default worker;
