// A reason phrase of a megabyte.
import { attack } from './attack.js';

export default attack(() => new Response('x', { statusText: 'O'.repeat(1 << 20) }));
