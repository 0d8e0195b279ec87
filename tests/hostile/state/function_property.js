// A property of a function, and of the prototype of all functions.
import { leaving } from './attack.js';

function innocent() {}
export default leaving({
  look: () => innocent.left ?? (() => {}).leftToo,
  leave: () => {
    innocent.left = 'on a function';
    Function.prototype.leftToo = 'on all functions';
  },
});
