// String, Number, Boolean and the rest of what the platform converts with.
import { attack } from './attack.js';

export default attack(async () => {
  const answer = new Response('whole');
  for (const name of ['String', 'Number', 'Boolean', 'Object', 'Array', 'Uint8Array', 'TypeError',
    'ArrayBuffer', 'Reflect', 'JSON', 'Math', 'Symbol', 'Map', 'Set', 'Error']) {
    globalThis[name] = () => { throw 'hijacked'; };  // eslint-disable-line no-throw-literal
  }
  return answer;
});
