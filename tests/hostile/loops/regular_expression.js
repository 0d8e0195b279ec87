// Backtracking that takes longer than the universe has.
import { attack } from './attack.js';

export default attack(() => {
  /^(([a-z])+.)+[A-Z]([a-z])+$/.test('a'.repeat(64));
  return new Response('matched');
});
