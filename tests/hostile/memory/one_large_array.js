// One array that is larger than everything.
import { attack } from './attack.js';

export default attack(() => new Array(30000000).fill(1.5).length);
