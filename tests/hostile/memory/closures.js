// Functions, each with a context of its own.
import { attack } from './attack.js';

export default attack(() => {
  const hoard = [];
  for (let i = 0; ; ++i) {
    const weight = [i, i, i, i];
    hoard.push(() => weight);
  }
});
