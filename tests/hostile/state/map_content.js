// Entries of a Map, a Set and an array of the module, so many that all of them grow.
import { leaving } from './attack.js';

const map = new Map();
const set = new Set();
const array = [];
export default leaving({
  look: () => map.size + set.size + array.length,
  leave: () => {
    for (let i = 0; i < 10000; ++i) {
      map.set(i, i);
      set.add(i);
      array.push(i);
    }
  },
});
