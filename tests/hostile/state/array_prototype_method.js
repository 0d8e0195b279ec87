// A method of arrays that sees what the next request works on.
import { leaving } from './attack.js';

const seen = [];
export default leaving({
  look: () => ['of this request'].map((item) => item)[0] !== 'of this request' && seen,
  leave: () => {
    Array.prototype.map = function spy() {
      seen.push(this[0]);
      return ['hijacked'];
    };
  },
});
