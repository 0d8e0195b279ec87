// A getter, met where the platform reads a property of what it is given.
import { attack } from './attack.js';

export default attack(() => new Response('x', { get status() { for (;;) {} } }));
