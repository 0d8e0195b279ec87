// One line of many megabytes, and an object that would be one.
import { attack } from './attack.js';

export default attack(() => {
  console.log('x'.repeat(8 << 20));
  console.log(new Array(1000000).fill('item'));
  console.error({ long: 'y'.repeat(4 << 20) });
  return new Response('whole');
});
