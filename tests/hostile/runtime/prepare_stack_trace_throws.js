// A hook for stacks that breaks whoever wants to see one.
import { attack } from './attack.js';

export default attack(() => {
  Error.prepareStackTrace = () => { throw new Error('hijacked'); };
  Error.captureStackTrace = () => { throw new Error('hijacked'); };
  throw new Error('with such a stack');
});
