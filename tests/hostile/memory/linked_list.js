// A list so long that collecting it is work in itself.
import { attack } from './attack.js';

export default attack(() => {
  let list = null;
  for (;;) list = { list };
});
