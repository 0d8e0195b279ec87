import { equal, ok, rejects, suite } from './harness.js';

async function gather(stream) {
  const all = [];
  for await (const chunk of stream) all.push(chunk);
  return all;
}

export default suite({
  'a stream gives what was put in': async () => {
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue('a');
        controller.enqueue('b');
        controller.close();
      },
    });
    equal(await gather(stream), ['a', 'b']);
  },
  'pipes transform': async () => {
    const source = new ReadableStream({
      start(controller) {
        controller.enqueue('hello ');
        controller.enqueue('wörld');
        controller.close();
      },
    });
    const upper = new TransformStream({
      transform(chunk, controller) { controller.enqueue(chunk.toUpperCase()); },
    });
    const response = new Response(
      source.pipeThrough(upper).pipeThrough(new TextEncoderStream()));
    equal(await response.text(), 'HELLO WÖRLD');
  },
  'TextDecoderStream joins cut characters': async () => {
    const { readable, writable } = new TextDecoderStream();
    const writer = writable.getWriter();
    for (const byte of [0xC3, 0xA9, 0x21]) writer.write(new Uint8Array([byte]));
    writer.close();
    equal((await gather(readable)).join(''), 'é!');
  },
  'tee gives two': async () => {
    const [a, b] = new Response('twice').body.tee();
    equal(await new Response(a).text(), 'twice');
    equal(await new Response(b).text(), 'twice');
  },
  'bodies are byte streams': async () => {
    const reader = new Response('abcdef').body.getReader({ mode: 'byob' });
    const { value } = await reader.read(new Uint8Array(4));
    equal(new TextDecoder().decode(value), 'abcd');
  },
  'errors come through': async () => {
    const broken = new ReadableStream({ pull() { throw new RangeError('no'); } });
    await rejects(new Response(broken).text(), 'RangeError');
  },
  'writers wait': async () => {
    const seen = [];
    const stream = new WritableStream({
      async write(chunk) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        seen.push(chunk);
      },
    }, new CountQueuingStrategy({ highWaterMark: 1 }));
    const writer = stream.getWriter();
    for (const chunk of [1, 2, 3]) {
      await writer.ready;
      writer.write(chunk);
    }
    await writer.close();
    equal(seen, [1, 2, 3]);
  },
  'cancel reaches the source': async () => {
    let reason;
    const stream = new ReadableStream({ cancel(given) { reason = given; } });
    await stream.cancel('enough');
    equal(reason, 'enough');
    ok(!stream.locked);
  },
});
