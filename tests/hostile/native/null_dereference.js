// The test's own executor reads from address 0 when it is told to.
import { attack } from './attack.js';

export default attack(() => {
  console.log('crash: null');
  return new Response('alive');
});
