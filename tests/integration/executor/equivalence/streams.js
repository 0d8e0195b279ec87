// Streams through streams, with pressure from behind; a reader that is kept beyond its request.
const kept = [];
export default {
  async fetch(request) {
    let count = 0;
    const numbered = new TransformStream({
      transform(chunk, controller) {
        count += chunk.length;
        controller.enqueue(new TextEncoder().encode(`${count};`));
      },
    });
    const source = request.body ?? new ReadableStream({
      type: 'bytes',
      pull(controller) {
        if (count > 100000) controller.close();
        else controller.enqueue(new Uint8Array(7000).fill(count & 0xFF));
      },
    });
    kept.push(numbered);
    const [left, right] = source.pipeThrough(numbered).tee();
    const text = await new Response(left).text();
    return new Response(right, { headers: { length: String(text.length), kept: kept.length } });
  },
};
