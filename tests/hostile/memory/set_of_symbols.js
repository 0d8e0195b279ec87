// Symbols, of which no two are the same.
import { attack } from './attack.js';

export default attack(() => {
  const hoard = new Set();
  for (;;) hoard.add(Symbol('hoarded'));
});
