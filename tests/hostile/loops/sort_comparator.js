// A comparison that never says which is less.
import { attack } from './attack.js';

export default attack(() => { [3, 1, 2].sort(() => { for (;;) {} }); });
