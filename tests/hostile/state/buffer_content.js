// A megabyte of the module, overwritten.
import { leaving } from './attack.js';

const bytes = new Uint8Array(1 << 20);
export default leaving({
  look: () => bytes.find((byte) => byte !== 0),
  leave: () => { bytes.fill(0x5E); },
});
