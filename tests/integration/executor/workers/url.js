import { equal, ok, suite, throws } from './harness.js';

export default suite({
  'parts': () => {
    const url = new URL('https://User:pw@Example.com:8443/a/../b?x=1&x=2#frag');
    equal([url.protocol, url.username, url.password, url.host, url.hostname, url.port, url.pathname,
      url.search, url.hash, url.origin],
    ['https:', 'User', 'pw', 'example.com:8443', 'example.com', '8443', '/b', '?x=1&x=2', '#frag',
      'https://example.com:8443']);
    equal(url.searchParams.getAll('x'), ['1', '2']);
  },
  'bases and changes': () => {
    const url = new URL('../c?d', 'https://a.example/x/y/z');
    equal(url.href, 'https://a.example/x/c?d');
    url.pathname = '/p q';
    url.searchParams.set('é', '1 2');
    equal(url.href, 'https://a.example/p%20q?d=&%C3%A9=1+2');
  },
  'international and odd hosts': () => {
    equal(new URL('https://bücher.example/').hostname, 'xn--bcher-kva.example');
    equal(new URL('https://xn--bcher-kva.example/').hostname, 'xn--bcher-kva.example');
    equal(new URL('https://EXAMPLE.com/').hostname, 'example.com');
    equal(new URL('http://0x7f.1/').hostname, '127.0.0.1');
    equal(new URL('http://[::1]:80/').host, '[::1]');
    for (const bad of ['https://a b/', 'https://', 'nope', 'https://xn--/', 'https://a%00b/']) {
      throws(() => new URL(bad), 'TypeError');
    }
  },
  'canParse': () => {
    ok(URL.canParse('https://a.example/'));
    ok(!URL.canParse('nope'));
  },
  'URLSearchParams': () => {
    const params = new URLSearchParams('?a=1&b=%20&a=3');
    params.append('c', '&=');
    params.delete('b');
    params.sort();
    equal(params.toString(), 'a=1&a=3&c=%26%3D');
    equal([...params], [['a', '1'], ['a', '3'], ['c', '&=']]);
    equal(new URLSearchParams({ x: 'y' }).get('x'), 'y');
    ok(params.has('a'));
    equal(params.size, 3);
  },
});
