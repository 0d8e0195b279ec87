// A promise that resolves to a thenable that resolves to a thenable.
import { attack } from './attack.js';

const endless = { then(resolve) { resolve(endless); } };
export default attack(() => endless);
