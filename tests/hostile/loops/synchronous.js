// An endless loop that allocates nothing.
import { attack } from './attack.js';

export default attack(() => { for (;;) {} });
