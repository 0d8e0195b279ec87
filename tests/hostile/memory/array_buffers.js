// Memory outside of V8's heap: an exception, which the worker may catch.
import { attack } from './attack.js';

export default attack(() => {
  const hoard = [];
  try {
    for (;;) hoard.push(new Uint8Array(1 << 20).fill(1));
  } catch (error) {
    return new Response(`${error.name} after less than 100 MiB: ${hoard.length < 100}`);
  }
});
