// Timers that are always due.
import { attack } from './attack.js';

export default attack(() => new Promise((resolve) => {
  for (let i = 0; i < 1000; ++i) setInterval(() => {}, 0);
  setTimeout(() => resolve(new Response('whole')), 20);
}));
