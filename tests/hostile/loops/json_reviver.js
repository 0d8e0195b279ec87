// JSON.parse() with a reviver that gives it ever more to visit.
import { attack } from './attack.js';

export default attack(() => {
  JSON.parse('[0]', (key, value) => (Array.isArray(value) ? value : JSON.parse('[[1]]', () => {
    for (;;) {}
  })));
});
