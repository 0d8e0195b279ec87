// A signal of the module that has been given.
import { leaving } from './attack.js';

const controller = new AbortController();
export default leaving({
  look: () => controller.signal.aborted && 'an aborted signal',
  leave: () => controller.abort(),
});
