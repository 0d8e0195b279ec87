// What the next request would need is not there any more.
import { leaving } from './attack.js';

export default leaving({
  look: () => typeof TextEncoder !== 'function' && 'no TextEncoder',
  leave: () => {
    delete globalThis.TextEncoder;
    delete globalThis.Headers;
    delete globalThis.Map;
  },
});
