// A private static field of a class.
import { leaving } from './attack.js';

class Drawer {
  static #content;
  static open() { return Drawer.#content; }
  static fill(value) { Drawer.#content = value; }
}
export default leaving({
  look: () => Drawer.open(),
  leave: () => Drawer.fill('in a private field'),
});
