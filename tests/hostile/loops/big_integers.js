// One operation on very long numbers, in which no JavaScript runs that could be stopped.
import { attack } from './attack.js';

export default attack(() => {
  let number = 3n;
  for (;;) number *= number;
});
