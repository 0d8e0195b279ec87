// It executes what is no instruction, as V8's own checks do.
import { attack } from './attack.js';

export default attack(() => {
  console.log('crash: trap');
  return new Response('alive');
});
