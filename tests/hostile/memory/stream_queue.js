// A stream that is filled and never read.
import { attack } from './attack.js';

export default attack(() => {
  const stream = new ReadableStream({
    start(controller) { for (;;) controller.enqueue('x'.repeat(100)); },
  });
  return new Response(stream);
});
