// A proxy of a Response, which has none of its private fields.
import { attack } from './attack.js';

export default attack(() => new Proxy(new Response('forged'), {}));
