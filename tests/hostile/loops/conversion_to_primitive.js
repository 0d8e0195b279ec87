// A toString() that does not come back, called by the platform.
import { attack } from './attack.js';

export default attack(() => new URL({ toString() { for (;;) {} } }));
