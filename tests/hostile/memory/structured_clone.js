// Copies of copies, made by native code.
import { attack } from './attack.js';

export default attack(() => {
  let tree = { leaf: 'x'.repeat(1000) };
  for (;;) tree = [structuredClone(tree), structuredClone(tree)];
});
