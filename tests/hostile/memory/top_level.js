// More memory than there is, before any request.
import { attack } from './attack.js';

const hoard = [];
for (;;) hoard.push({ weight: new Array(100).fill(1) });

export default attack(() => new Response('x'));
