// More cookies than an answer can have.
import { attack } from './attack.js';

export default attack(() => {
  const answer = new Response('x');
  for (let i = 0; i < 1000; ++i) answer.headers.append('set-cookie', `c${i}=${'v'.repeat(100)}`);
  return answer;
});
