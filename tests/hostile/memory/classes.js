// Classes, which are much more than objects.
import { attack } from './attack.js';

export default attack(() => {
  const hoard = [];
  for (;;) hoard.push(class { #a = 1; static b = 2; c() { return this.#a; } });
});
