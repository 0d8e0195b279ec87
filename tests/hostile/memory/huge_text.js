// The largest string there can be, turned into bytes.
import { attack } from './attack.js';

export default attack(() => {
  try {
    return new Response(new TextEncoder().encode('x'.repeat((1 << 29) - 24)));
  } catch (error) {
    return new Response(error.name);
  }
});
