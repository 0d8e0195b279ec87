// One header of four megabytes.
import { attack } from './attack.js';

export default attack(() => new Response('x', { headers: { flood: 'x'.repeat(4 << 20) } }));
