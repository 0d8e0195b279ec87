// Functions of the platform that answer the next request with something else.
import { leaving } from './attack.js';

export default leaving({
  look: () => atob('YQ==') !== 'a' && 'another atob()',
  leave: () => {
    globalThis.atob = () => 'hijacked';
    globalThis.setTimeout = () => 0;
    globalThis.URL = class {};
  },
});
