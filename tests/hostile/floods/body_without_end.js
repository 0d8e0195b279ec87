// A body that goes on for ever, for a client that takes all of it.
import { attack } from './attack.js';

export default attack(() => {
  const piece = new Uint8Array(65536).fill(0x78);
  return new Response(new ReadableStream({ pull(controller) { controller.enqueue(piece); } }));
});
