// An iterator without an end, given to what makes an array of it.
import { attack } from './attack.js';

export default attack(() => Array.from((function* numbers() { for (let i = 0; ; ++i) yield { i }; })()));
