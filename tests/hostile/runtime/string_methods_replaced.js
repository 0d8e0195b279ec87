// Strings whose methods lie.
import { attack } from './attack.js';

export default attack(async () => {
  const answer = new Response('whole', { headers: { 'X-Upper': ' trimmed ' } });
  for (const name of Object.getOwnPropertyNames(String.prototype)) {
    if (typeof String.prototype[name] === 'function' && name !== 'constructor') {
      String.prototype[name] = function hijacked() { throw new Error(`hijacked ${name}`); };
    }
  }
  return answer;
});
