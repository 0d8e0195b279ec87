// Half a character in a decoder.
import { leaving } from './attack.js';

const decoder = new TextDecoder();
export default leaving({
  look: () => decoder.decode(new Uint8Array([0xAC]), { stream: true }) === '\u20AC'
    && 'the first half of a character',
  leave: () => { decoder.decode(new Uint8Array([0xE2, 0x82]), { stream: true }); },
});
