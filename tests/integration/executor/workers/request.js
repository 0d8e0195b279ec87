import { equal, ok, rejects, suite, throws } from './harness.js';

export default suite({
  'the incoming request is as it came': (request) => {
    equal(request.method, 'POST');
    equal(request.url, 'http://hello.example/some/path?a=1&b=two');
    equal(request.headers.get('X-One'), '1');
    equal([...request.headers], [['cookie', 'a=b'], ['x-one', '1'], ['x-two', '2, 3']]);
    ok(request instanceof Request);
    equal(String(request), '[object Request]');
  },
  'cf tells the place': (request) => {
    equal(request.cf, {
      colo: 'AMS', httpProtocol: 'HTTP/1.1', country: 'NL', city: 'Amsterdam',
      latitude: '52.37403', longitude: '4.88969',
    });
  },
  'incoming headers cannot be changed': (request) => {
    throws(() => request.headers.set('a', 'b'), 'TypeError');
    throws(() => request.headers.append('a', 'b'), 'TypeError');
    throws(() => request.headers.delete('x-one'), 'TypeError');
    new Headers(request.headers).set('a', 'b');
  },
  'a clone can be read beside the original': async (request) => {
    const copy = request.clone();
    equal(await copy.json(), { hello: 'wörld' });
    ok(!request.bodyUsed);
    equal(await request.text(), '{"hello":"wörld"}');
    ok(request.bodyUsed);
    await rejects(request.text(), 'TypeError');
  },
  'a request is made of a URL': async () => {
    const made = new Request('https://Example.COM/a b', {
      method: 'post', body: 'x=1', headers: { Accept: 'text/plain' },
    });
    equal(made.url, 'https://example.com/a%20b');
    equal(made.method, 'POST');
    equal(made.headers.get('content-type'), 'text/plain;charset=UTF-8');
    equal(await made.text(), 'x=1');
    equal(new Request('https://a.example/', { method: 'patch' }).method, 'patch');
  },
  'a request is made of another': async () => {
    const first = new Request('https://a.example/', { method: 'PUT', body: 'body' });
    const second = new Request(first, { headers: { a: 'b' } });
    equal(second.method, 'PUT');
    equal(second.headers.get('a'), 'b');
    ok(first.bodyUsed);
    equal(await second.text(), 'body');
    throws(() => new Request(first), 'TypeError');
  },
  'what cannot be a request is refused': () => {
    throws(() => new Request('/relative'), 'TypeError');
    throws(() => new Request('https://a.example/', { method: 'CONNECT' }), 'TypeError');
    throws(() => new Request('https://a.example/', { method: 'a b' }), 'TypeError');
    throws(() => new Request('https://a.example/', { body: 'x' }), 'TypeError');
  },
  'a signal is passed on': () => {
    const controller = new AbortController();
    const made = new Request('https://a.example/', { signal: controller.signal });
    controller.abort('why');
    ok(made.signal.aborted);
    equal(made.signal.reason, 'why');
  },
  'a form body says its type': async () => {
    const made = new Request('https://a.example/', {
      method: 'POST', body: new URLSearchParams({ a: '1 2' }),
    });
    equal(made.headers.get('content-type'), 'application/x-www-form-urlencoded;charset=UTF-8');
    equal(await made.text(), 'a=1+2');
  },
});
