// The state of a module that the main module imports.
import { leaving } from './attack.js';
import { content, fill } from './drawer.js';

export default leaving({
  look: () => content,
  leave: () => fill('in another module'),
});
