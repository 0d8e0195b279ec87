// memory.grow until there is no more, each page touched.
import { attack } from './attack.js';
import module from './state.wasm';

export default attack(() => {
  const { hoard } = new WebAssembly.Instance(module).exports;
  return new Response(`less than 256 MiB: ${hoard() < 4096}`);
});
