// A time of its own.
import { leaving } from './attack.js';

export default leaving({
  look: () => (Date.now() === 7 || new Date().getTime() === 7) && 'another clock',
  leave: () => {
    Date.now = () => 7;
    globalThis.Date = class { getTime() { return 7; } };
  },
});
