import { equal, ok, rejects, suite, throws } from './harness.js';

const bytes = (text) => new TextEncoder().encode(text);

export default suite({
  'defaults': () => {
    const response = new Response();
    equal([response.status, response.statusText, response.ok, response.body, response.type],
      [200, '', true, null, 'default']);
    equal(String(response), '[object Response]');
  },
  'text, bytes, buffers and JSON are read': async () => {
    equal(await new Response('grüße').text(), 'grüße');
    equal([...await new Response(bytes('ab')).bytes()], [97, 98]);
    equal((await new Response(bytes('abc').buffer).arrayBuffer()).byteLength, 3);
    equal(await new Response('[1]').json(), [1]);
    equal(await new Response().text(), '');
    await rejects(new Response('{').json(), 'SyntaxError');
  },
  'a byte order mark is not text': async () => {
    equal(await new Response(new Uint8Array([0xEF, 0xBB, 0xBF, 0x61])).text(), 'a');
  },
  'a body that was given is not changed afterwards': async () => {
    const source = bytes('abc');
    const response = new Response(source);
    source[0] = 0x7A;
    equal(await response.text(), 'abc');
  },
  'json': async () => {
    const response = Response.json({ a: 1 }, { status: 201, headers: { b: 'c' } });
    equal([response.status, response.headers.get('content-type'), response.headers.get('b')],
      [201, 'application/json', 'c']);
    equal(await response.json(), { a: 1 });
    throws(() => Response.json(undefined), 'TypeError');
  },
  'redirect': () => {
    const response = Response.redirect('https://a.example/x y', 301);
    equal([response.status, response.headers.get('location')], [301, 'https://a.example/x%20y']);
    throws(() => Response.redirect('https://a.example/', 200), 'RangeError');
    throws(() => Response.redirect('nope'), 'TypeError');
    throws(() => response.headers.set('a', 'b'), 'TypeError');
  },
  'error': () => {
    const response = Response.error();
    equal([response.status, response.type], [0, 'error']);
  },
  'clone': async () => {
    const response = new Response('abc', { status: 404, headers: { a: 'b' } });
    const copy = response.clone();
    equal([await response.text(), await copy.text()], ['abc', 'abc']);
    equal([copy.status, copy.headers.get('a')], [404, 'b']);
    throws(() => response.clone(), 'TypeError');
    const streamed = new Response(new Response('from a stream').body);
    const other = streamed.clone();
    equal([await streamed.text(), await other.text()], ['from a stream', 'from a stream']);
  },
  'what is no response is refused': () => {
    throws(() => new Response('', { status: 99 }), 'RangeError');
    throws(() => new Response('', { status: 600 }), 'RangeError');
    throws(() => new Response('x', { status: 204 }), 'TypeError');
    throws(() => new Response('x', { statusText: 'a\nb' }), 'TypeError');
    equal(new Response(null, { status: 204 }).status, 204);
  },
  'a used body is told': async () => {
    const response = new Response('abc');
    ok(!response.bodyUsed);
    await response.text();
    ok(response.bodyUsed);
    await rejects(response.text(), 'TypeError');
    const streamed = new Response('abc');
    const reader = streamed.body.getReader();
    await reader.read();
    ok(streamed.bodyUsed);
    await rejects(streamed.text(), 'TypeError');
    throws(() => new Response(streamed.body), 'TypeError');
  },
});
