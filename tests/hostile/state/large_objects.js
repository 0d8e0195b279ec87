// Objects so large that each has a mapping of its own.
import { leaving } from './attack.js';

let hoard;
export default leaving({
  look: () => hoard?.length,
  leave: () => {
    hoard = [new Array(500000).fill(1.5), new Uint8Array(4 << 20).fill(1), 'x'.repeat(1 << 20)];
  },
});
