// Text that would forge lines of a log, or move a terminal's cursor.
import { attack } from './attack.js';

export default attack(() => {
  console.log('\x1B[2J\x1B[31m\r\n{"level":"error","message":"forged"}\0\uD800\uFFFE');
  console.warn('%s%s%s%d%j%o', '\x1B]0;title\x07');
  return new Response('whole');
});
