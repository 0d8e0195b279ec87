// Headers that belong to the connection or to the PoP, and not to a worker.
import { attack } from './attack.js';

export default attack(() => new Response('whole', { headers: {
  'content-length': '3',
  'transfer-encoding': 'chunked',
  connection: 'close, x-forged',
  upgrade: 'websocket',
  te: 'trailers',
  trailer: 'x-after',
  'keep-alive': 'timeout=0',
  'proxy-authenticate': 'Basic',
} }));
