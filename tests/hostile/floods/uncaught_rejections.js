// Errors that nobody catches, a hundred thousand of them.
import { attack } from './attack.js';

export default attack(() => {
  for (let i = 0; i < 100000; ++i) Promise.reject(i);
  return new Response('whole');
});
