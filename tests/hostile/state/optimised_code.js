// Machine code that V8 has made for what was constant, and then has to throw away.
import { leaving } from './attack.js';

const box = { value: 0 };
function hot() {
  let sum = 0;
  for (let i = 0; i < 200000; ++i) sum += box.value;
  return sum;
}
export default leaving({
  look: () => hot(),
  leave: () => {
    for (let i = 0; i < 20; ++i) hot();
    box.value = 1;
    hot();
  },
});
