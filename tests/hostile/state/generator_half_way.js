// A generator that stands in the middle of its work.
import { leaving } from './attack.js';

const numbers = (function* count() { for (let n = 0; ; ++n) yield n; })();
export default leaving({
  look: () => numbers.next().value,
  leave: () => {},
});
