// A constructor that built-in methods call to make their result.
import { attack } from './attack.js';

class Endless extends Array {
  static get [Symbol.species]() { for (;;) {} }
}
export default attack(() => { Endless.from([1, 2]).map((x) => x); });
