// The place where a global regular expression goes on.
import { leaving } from './attack.js';

const expression = /a/g;
export default leaving({
  look: () => expression.lastIndex,
  leave: () => { expression.test('some a here'); },
});
