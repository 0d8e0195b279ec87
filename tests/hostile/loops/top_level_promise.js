// A top level that waits for what never comes.
import { attack } from './attack.js';

await new Promise(() => {});
export default attack(() => new Response('x'));
