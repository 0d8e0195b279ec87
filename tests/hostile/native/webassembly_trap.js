// WebAssembly that traps, and reads outside of its memory: exceptions, not crashes.
import { attack } from './attack.js';
import module from './state.wasm';

const { trap, outside } = new WebAssembly.Instance(module).exports;
export default attack(() => {
  const names = [trap, outside].map((call) => {
    try {
      call();
      return 'nothing';
    } catch (error) {
      return error.constructor.name;
    }
  });
  return new Response(names.join());
});
