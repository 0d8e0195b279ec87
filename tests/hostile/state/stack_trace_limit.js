// How much of a stack the errors of the next request show.
import { leaving } from './attack.js';

const limit = Error.stackTraceLimit;
export default leaving({
  look: () => Error.stackTraceLimit !== limit && `a limit of ${Error.stackTraceLimit}`,
  leave: () => { Error.stackTraceLimit = 0; },
});
