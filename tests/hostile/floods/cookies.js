// Fifty thousand cookies.
import { attack } from './attack.js';

export default attack(() => {
  const answer = new Response('x');
  for (let i = 0; i < 3000; ++i) answer.headers.append('set-cookie', `c${i}=${'v'.repeat(100)}`);
  return answer;
});
