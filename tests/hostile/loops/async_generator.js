// The same without a stack that grows: an async generator.
import { attack } from './attack.js';

export default attack(async () => {
  const endless = (async function* numbers() { for (let n = 0; ; ++n) yield n; })();
  for await (const n of endless) if (n < 0) break;
});
