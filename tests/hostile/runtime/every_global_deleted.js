// A world without anything in it.
import { attack } from './attack.js';

export default attack(async () => {
  const answer = new Response('whole');
  for (const name of Object.getOwnPropertyNames(globalThis)) delete globalThis[name];
  return answer;
});
