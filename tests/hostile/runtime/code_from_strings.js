// Code that was not in the bundle: eval, Function, timers, WebAssembly from bytes.
import { attack } from './attack.js';

const wasm = new Uint8Array([0, 0x61, 0x73, 0x6D, 1, 0, 0, 0]);
const ways = {
  eval: () => (0, eval)('1'),  // eslint-disable-line no-eval
  function: () => new Function('return 1')(),  // eslint-disable-line no-new-func
  constructor: () => (() => {}).constructor('return 1')(),
  async: () => (async () => {}).constructor('return 1')(),
  generator: () => (function* () {}).constructor('yield 1')().next(),
  timer: () => setTimeout('globalThis.ran = 1', 0),  // eslint-disable-line no-implied-eval
  module: () => new WebAssembly.Module(wasm),
  compile: () => WebAssembly.compile(wasm),
  instantiate: () => WebAssembly.instantiate(wasm),
  import: () => import('data:text/javascript,export default 1'),
};
export default attack(async () => {
  const open = [];
  for (const [name, way] of Object.entries(ways)) {
    try {
      await way();
      open.push(name);
    } catch {
      // As it should be.
    }
  }
  return new Response(open.length === 0 ? 'whole' : `open: ${open}`);
});
