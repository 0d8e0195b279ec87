// A WeakRef to an object of an earlier request.
import { leaving } from './attack.js';

let reference;
export default leaving({
  look: () => reference?.deref()?.text,
  leave: () => { reference = new WeakRef({ text: 'behind a WeakRef' }); },
});
