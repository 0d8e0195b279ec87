// The state of a module that is loaded while a request runs, and cached.
import { leaving } from './attack.js';

export default leaving({
  look: async () => (await import('./drawer.js')).content,
  leave: async () => (await import('./drawer.js')).fill('in a module loaded late'),
});
