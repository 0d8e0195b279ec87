// The worker that a zygote rehearses with (pop_node/executor/rehearsal.h): each path goes through some
// of what the runtime offers. Nothing that it does may be seen by a worker that comes later.
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const answers = {
  '/': (request) => new Response(`Hello from ${request.cf.colo} to ${request.cf.city}`),
  '/json': (request, url) => Response.json({
    path: url.pathname, query: url.searchParams.get('a'),
    agent: request.headers.get('user-agent'), at: Date.now() }),
  async '/later'(request, url, ctx) {
    ctx.waitUntil(Promise.resolve(1));
    await null;
    return new Response('later', { status: 201, headers: [['x-a', 'b']] });
  },
  async '/post'(request) {
    const copy = request.clone();
    const sent = await request.json();
    const text = await copy.text();
    return new Response(JSON.stringify({ sent, text }), { headers: { 'content-type': 'text/plain' } });
  },
  '/headers'(request) {
    const headers = new Headers(request.headers);
    headers.set('x-set', 'a');
    headers.append('x-append', 'b');
    headers.delete('accept');
    let all = headers.has('host') ? '' : '-';
    for (const [name, value] of headers) all += `${name}: ${value}\n`;
    return new Response(all, { headers });
  },
  '/url'(request, url) {
    url.searchParams.set('x', 'y');
    url.searchParams.append('z', '1 2');
    for (const [name, value] of new URLSearchParams('q=1&r=2')) url.searchParams.set(name, value);
    return Response.redirect(new URL('/other', url).href, 302);
  },
  '/stream': () => new Response(new ReadableStream({
    start(controller) { controller.enqueue(encoder.encode('abc')); },
    pull(controller) { controller.enqueue(encoder.encode('def')); controller.close(); },
  })),
  async '/transform'() {
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    writer.write(encoder.encode('abc')).then(() => writer.close());
    const reader = readable.getReader();
    let text = '';
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      text += decoder.decode(read.value, { stream: true });
    }
    return new Response(encoder.encode(text));
  },
  '/throw'() {
    try {
      answers.missing();
    } catch (error) {
      throw new TypeError(`after ${error.message}`);
    }
  },
  '/log'() {
    console.log('text', 1, { a: [1, 2], b: null }, new Error('shown'));
    console.error('text');
    return new Response('logged');
  },
  async '/timer'() {
    const unused = setTimeout(() => {}, 5);
    clearTimeout(unused);
    await new Promise((resolve) => { setTimeout(resolve, 1); });
    return new Response('late');
  },
  '/values'(request) {
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    const copy = structuredClone({ bytes, at: new Date(0), text: atob(btoa('abc')) });
    const controller = new AbortController();
    controller.signal.addEventListener('abort', () => {});
    controller.abort();
    return new Response(`${crypto.randomUUID().length} ${copy.text} ${Math.random() < 1} `
      + request.signal.aborted);
  },
};

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const answer = await answers[url.pathname](request, url, ctx);
    // What a regular expression matched last can be seen on RegExp.
    /(?:)/.exec('');
    return answer;
  },
};
