// Random numbers that are none.
import { leaving } from './attack.js';

export default leaving({
  look: () => Math.random() === 0.5 && 'another Math.random()',
  leave: () => { Math.random = () => 0.5; },
});
