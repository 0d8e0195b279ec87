// It writes to memory that must not be written to.
import { attack } from './attack.js';

export default attack(() => {
  console.log('crash: write');
  return new Response('alive');
});
