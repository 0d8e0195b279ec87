// It aborts, as a failed assertion of V8 does.
import { attack } from './attack.js';

export default attack(() => {
  console.log('crash: abort');
  return new Response('alive');
});
