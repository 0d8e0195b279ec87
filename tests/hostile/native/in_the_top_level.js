// It crashes before there is any request.
import { attack } from './attack.js';

console.log('crash: null');
export default attack(() => new Response('alive'));
