// Timers that go on after the answer.
import { leaving } from './attack.js';

let ticks = 0;
export default leaving({
  look: async () => {
    await new Promise((resolve) => { setTimeout(resolve, 10); });
    return ticks;
  },
  leave: () => {
    setInterval(() => { ticks += 1; }, 1);
    setTimeout(() => { ticks += 1; }, 2);
  },
});
