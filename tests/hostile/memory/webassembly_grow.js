// memory.grow until there is no more, each page touched; and then objects, for which nothing is left.
import { attack } from './attack.js';
import module from './state.wasm';

export default attack(() => {
  const { hoard } = new WebAssembly.Instance(module).exports;
  const pages = [hoard()];
  for (;;) pages.push(new Array(1000).fill(pages.length));
});
