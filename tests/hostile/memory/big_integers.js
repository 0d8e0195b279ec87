// Numbers with very many digits.
import { attack } from './attack.js';

export default attack(() => {
  const hoard = [];
  for (let i = 0n; ; ++i) hoard.push((1n << 100000n) + i);
});
