// Errors, each with its stack.
import { attack } from './attack.js';

export default attack(() => {
  Error.stackTraceLimit = 1000;
  const hoard = [];
  const deep = (n) => { if (n > 0) deep(n - 1); else hoard.push(new Error('hoarded').stack); };
  for (;;) deep(100);
});
