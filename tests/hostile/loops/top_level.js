// A loop that no request is needed for.
import { attack } from './attack.js';

for (;;) {}

export default attack(() => new Response('x'));
