// Compiled regular expressions, no two the same.
import { attack } from './attack.js';

export default attack(() => {
  const hoard = [];
  for (let i = 0; ; ++i) {
    const expression = new RegExp(`(a|b${i}|[c-f]{1,9}x${i})+y*`);
    expression.test('abcxy');
    hoard.push(expression);
  }
});
