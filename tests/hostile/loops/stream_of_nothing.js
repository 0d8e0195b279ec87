// A body whose source always has more to say, and says nothing.
import { attack } from './attack.js';

export default attack(() => {
  const chunks = (async function* nothing() { for (;;) yield new Uint8Array(0); })();
  return (async () => {
    const stream = new ReadableStream({
      async pull(controller) { controller.enqueue((await chunks.next()).value); },
    }, { highWaterMark: 0 });
    return new Response(await new Response(stream).text());
  })();
});
