// Two readers of one stream, of which one never reads.
import { attack } from './attack.js';

export default attack(() => {
  let left = 200;
  const stream = new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(100000));
      left -= 1;
      if (left === 0) controller.close();
    },
  });
  const [read, unread] = stream.tee();
  globalThis.unread = unread;
  return new Response(read);
});
