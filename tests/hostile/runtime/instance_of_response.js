// Things that look like a Response.
import { attack } from './attack.js';

export default attack(() => {
  Object.defineProperty(Response, Symbol.hasInstance, { value: () => true });
  return Object.create(Response.prototype, { status: { value: 200 }, body: { value: 'forged' } });
});
