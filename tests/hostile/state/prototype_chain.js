// Another object in the chain of a type's prototypes.
import { leaving } from './attack.js';

export default leaving({
  look: () => new Map().left,
  leave: () => { Object.setPrototypeOf(Map.prototype, { left: 'behind Map.prototype' }); },
});
