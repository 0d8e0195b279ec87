// An async function that waits for what is there already, for ever.
import { attack } from './attack.js';

export default attack(async () => { for (;;) await null; });
