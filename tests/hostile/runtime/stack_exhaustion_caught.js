// All of the stack, again and again, from wherever a function can be called.
import { attack } from './attack.js';
import module from './state.wasm';

const { recurse } = new WebAssembly.Instance(module).exports;
const ways = [
  function plain() { plain(); },
  function getter() { return { get a() { return getter(); } }.a; },
  function json() { return JSON.stringify({ toJSON: json }); },
  function proxy() { return new Proxy({}, { get: proxy }).a; },
  function sorted() { return [1, 2].sort(sorted); },
  function text() { return `${{ toString: text }}`; },
  function replaced() { return 'a'.replace(/a/, replaced); },
  function constructed() { return new constructed(); },
  () => recurse(0),
];
export default attack(() => {
  const names = ways.map((way) => {
    try {
      way();
      return 'nothing';
    } catch (error) {
      return error.name;
    }
  });
  return new Response([...new Set(names)].join());
});
