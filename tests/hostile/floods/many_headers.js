// More headers than an answer can have.
import { attack } from './attack.js';

export default attack(() => {
  const headers = new Headers();
  for (let i = 0; i < 20000; ++i) headers.append(`x-${i}`, 'flood');
  return new Response('x', { headers });
});
