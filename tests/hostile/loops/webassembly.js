// A loop in machine code that V8 did not make from JavaScript.
import { attack } from './attack.js';
import module from './state.wasm';

const { spin } = new WebAssembly.Instance(module).exports;
export default attack(() => { spin(); });
