// The iterator of arrays, which for-of, spread and destructuring use.
import { leaving } from './attack.js';

const iterators = Object.getPrototypeOf([][Symbol.iterator]());
const { next } = iterators;
export default leaving({
  look: () => iterators.next !== next && 'another next()',
  leave: () => { iterators.next = function spy() { return next.call(this); }; },
});
