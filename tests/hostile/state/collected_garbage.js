// Collections of garbage that move what the module made before.
import { leaving } from './attack.js';

const items = [];
for (let i = 0; i < 2000; ++i) items.push({ id: i, text: `item ${i}`, next: null });
for (let i = 0; i < 1999; ++i) items[i].next = items[i + 1];
let kept;
export default leaving({
  look: () => {
    const isWhole = items.every((item, i) => item.id === i && item.text === `item ${i}`
      && (item.next === null || item.next.id === i + 1));
    return isWhole ? kept?.length : 'a spoilt heap';
  },
  leave: () => {
    for (let round = 0; round < 40; ++round) {
      kept = [];
      for (let i = 0; i < 5000; ++i) kept.push({ round, i, text: `${round}.${i}` });
    }
    items.reverse();
  },
});
