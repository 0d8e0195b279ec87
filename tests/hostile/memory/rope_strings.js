// Strings that are only a promise of a string until somebody reads them.
import { attack } from './attack.js';

export default attack(() => {
  const hoard = [];
  for (let i = 0; ; ++i) {
    let rope = `${i}`;
    for (let n = 0; n < 16; ++n) rope += rope;
    hoard.push(rope, rope.charCodeAt(3));
  }
});
