// Arrays of numbers.
import { attack } from './attack.js';

export default attack(() => {
  const hoard = [];
  for (;;) hoard.push(new Array(1000).fill(hoard.length));
});
