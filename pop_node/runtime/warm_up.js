// Run by isopop-mksnapshot before the real start of the runtime, on a copy that is thrown away: what is
// called here is compiled, and the start-up snapshot keeps the bytecode. Changes how fast the first
// request of an isolate is, and nothing else.
//
// `bundle` is the runtime's bundle, a function of the host.
(function warmUp(bundle) {
  const host = {
    respond: () => true,
    writeBody: () => true,
    endBody: () => true,
    fail: (id, error) => { throw error; },
    finish: () => {},
    readBody: () => null,
    takeBody: () => new Uint8Array([0x7B, 0x7D]),
    currentRequest: () => 1,
    startFetch: () => 1,
    cancelFetch: () => {},
    fetchNews: () => undefined,
    fetchHead: () => [200, '', ['content-type', 'text/plain']],
    fetchBody: () => null,
    startTimer: () => 1,
    stopTimer: () => {},
    queueMicrotask: (callback) => { Promise.resolve().then(callback); },
    now: () => 0,
    log: () => {},
    encodeUtf8: (text) => new Uint8Array(text.length),
    decodeUtf8: () => '{}',
  };
  const runtime = bundle(host);

  const handlers = [
    { fetch: () => new Response('text') },
    {
      async fetch(request, env, ctx) {
        const url = new URL(request.url);
        ctx.waitUntil(Promise.resolve());
        console.log(url.pathname, url.searchParams.get('a'), request.cf.colo, { a: [1] });
        setTimeout(() => {}, 1);
        await request.json();
        return Response.json({ method: request.method, a: request.headers.get('a') },
          { status: 201, headers: { b: 'c' } });
      },
    },
    {
      async fetch(request) {
        const headers = new Headers(request.headers);
        headers.append('set-cookie', 'a=b');
        return new Response(request.body, { headers });
      },
    },
    { fetch: () => fetch('http://b.example/', { method: 'POST', body: 'text' }) },
  ];
  handlers.forEach((handler, index) => {
    for (const headers of [[], ['host', 'a.example', 'a', 'b']]) {
      runtime.dispatch(handler, {}, index + 1, 'POST', 'http://a.example/b?a=c', headers, true,
        'HTTP/1.1', 'AMS', true, 'NL', 'Amsterdam', 52.37, 4.9);
    }
  });
  runtime.onTimer(1);
  runtime.onBody(1);
  runtime.onCredit(1);
});
