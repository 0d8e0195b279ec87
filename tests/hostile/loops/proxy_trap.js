// A proxy whose keys are never told.
import { attack } from './attack.js';

export default attack(() => new Headers(new Proxy({}, { ownKeys() { for (;;) {} } })));
