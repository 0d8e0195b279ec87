// JSON.stringify() of something whose toJSON() never returns.
import { attack } from './attack.js';

export default attack(() => Response.json({ toJSON() { for (;;) {} } }));
