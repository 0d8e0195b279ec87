// It exits with code 0, as if all were well.
import { attack } from './attack.js';

export default attack(() => {
  console.log('crash: exit');
  return new Response('alive');
});
