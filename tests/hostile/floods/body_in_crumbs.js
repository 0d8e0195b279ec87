// A body of thirty thousand pieces of one byte.
import { attack } from './attack.js';

export default attack(() => {
  const crumb = new Uint8Array([0x78]);
  let left = 30000;
  return new Response(new ReadableStream({
    pull(controller) {
      controller.enqueue(crumb);
      left -= 1;
      if (left === 0) controller.close();
    },
  }).pipeThrough(new TransformStream({
    transform(chunk, controller) { controller.enqueue(chunk); },
    flush(controller) { controller.enqueue(new TextEncoder().encode('.')); },
  })));
});
