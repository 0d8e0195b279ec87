// A stream of the module that somebody still reads.
import { leaving } from './attack.js';

const { readable, writable } = new TransformStream();
export default leaving({
  look: () => (readable.locked || writable.locked) && 'a locked stream',
  leave: () => {
    readable.getReader();
    writable.getWriter();
  },
});
