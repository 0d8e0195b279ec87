// The clock of console.time(), which the log shows and a replaced method would see.
import { attack } from './attack.js';

export default attack(() => {
  const texts = [];
  const { toFixed } = Number.prototype;
  Number.prototype.toFixed = function spy(digits) {
    texts.push(Number(this));
    return toFixed.call(this, digits);
  };
  console.time('work');
  for (let i = 0, sum = 0; i < 5e6; ++i) sum += i;
  console.timeEnd('work');
  return new Response(`passed: ${texts.reduce((sum, passed) => sum + passed, 0)}`);
});
