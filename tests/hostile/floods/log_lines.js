// More lines than anybody can read.
import { attack } from './attack.js';

export default attack(() => {
  for (let i = 0; i < 100000; ++i) console.log(`line ${i} of a flood`);
  return new Response('whole');
});
