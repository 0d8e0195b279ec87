// Microtasks that beget microtasks: the handler itself has long returned.
import { attack } from './attack.js';

export default attack(() => {
  const again = () => { queueMicrotask(again); };
  again();
  return new Promise(() => {});
});
