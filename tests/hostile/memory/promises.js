// Promises that nobody will ever settle, each with reactions.
import { attack } from './attack.js';

export default attack(() => {
  const hoard = [];
  for (;;) hoard.push(new Promise(() => {}).then(() => hoard));
});
