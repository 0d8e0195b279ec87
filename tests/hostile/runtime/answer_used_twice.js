// A body that has been read already.
import { attack } from './attack.js';

export default attack(async () => {
  const answer = new Response('used');
  await answer.text();
  return answer;
});
