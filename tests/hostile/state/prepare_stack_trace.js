// V8's hook for the text of stacks, which sees the calls of whoever makes an error.
import { leaving } from './attack.js';

export default leaving({
  look: () => new Error('x').stack === 'hijacked' && 'a hook for stacks',
  leave: () => { Error.prepareStackTrace = () => 'hijacked'; },
});
