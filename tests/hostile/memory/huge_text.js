// The largest string there can be, turned into bytes.
import { attack } from './attack.js';

export default attack(() => {
  const bytes = new TextEncoder().encode('x'.repeat((1 << 29) - 24));
  return new Response(bytes);
});
