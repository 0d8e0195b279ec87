// An error whose text takes for ever to make, thrown at the platform that wants to show it.
import { attack } from './attack.js';

export default attack(() => {
  throw Object.defineProperty(new Error('x'), 'stack', { get() { for (;;) {} } });
});
