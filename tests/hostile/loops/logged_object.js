// Something that console.log() never gets to the end of.
import { attack } from './attack.js';

export default attack(() => {
  console.log(new Proxy({}, { getPrototypeOf() { for (;;) {} } }));
});
