// A world without anything in it.
import { attack } from './attack.js';

export default attack(async () => {
  const answer = new Response('whole');
  const { deleteProperty } = Reflect;
  const world = globalThis;
  for (const name of Object.getOwnPropertyNames(world)) deleteProperty(world, name);
  return answer;
});
