// A Map that doubles its table.
import { attack } from './attack.js';

export default attack(() => {
  const hoard = new Map();
  for (let i = 0; ; ++i) hoard.set(i, { i });
});
