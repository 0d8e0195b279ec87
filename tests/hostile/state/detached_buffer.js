// A buffer of the module that has been given away.
import { leaving } from './attack.js';

const buffer = new ArrayBuffer(64);
export default leaving({
  look: () => buffer.byteLength === 0 && 'a detached buffer',
  leave: () => { structuredClone(buffer, { transfer: [buffer] }); },
});
