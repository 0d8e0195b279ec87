// One built-in function with a lot to visit: an array of four thousand million holes.
import { attack } from './attack.js';

export default attack(() => { Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 'needle'); });
