// All of the stack, and nobody catches it.
import { attack } from './attack.js';

const deeper = () => deeper() + 1;
export default attack(() => new Response(deeper()));
