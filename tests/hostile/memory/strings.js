// Strings, each of its own.
import { attack } from './attack.js';

export default attack(() => {
  const hoard = [];
  for (let i = 0; ; ++i) hoard.push(`${i}`.padEnd(10000, String.fromCharCode(97 + (i % 26))));
});
