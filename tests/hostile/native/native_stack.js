// Native code that recurses without an end.
import { attack } from './attack.js';

export default attack(() => {
  console.log('crash: stack');
  return new Response('alive');
});
