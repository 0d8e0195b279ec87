// No loop at all: a promise that nothing will settle, with a timer that keeps the request alive.
import { attack } from './attack.js';

export default attack(() => new Promise(() => { setInterval(() => {}, 20); }));
