// Code that goes on allocating whatever happens.
import { attack } from './attack.js';

export default attack(() => {
  const hoard = [];
  for (;;) {
    try {
      for (;;) hoard.push({ weight: new Array(100).fill(hoard) }, new Uint8Array(100000));
    } catch {
      hoard.push('caught');
    }
  }
});
