import { equal, ok, suite, throws } from './harness.js';

export default suite({
  'names are case-insensitive and sorted': () => {
    const headers = new Headers({ 'X-B': '2', 'x-a': '1' });
    headers.append('X-A', '3');
    equal([...headers], [['x-a', '1, 3'], ['x-b', '2']]);
    equal([...headers.keys()], ['x-a', 'x-b']);
    equal([...headers.values()], ['1, 3', '2']);
    equal(headers.get('nope'), null);
    ok(headers.has('X-a'));
  },
  'pairs, records and headers make headers': () => {
    equal([...new Headers([['a', '1'], ['a', '2']])], [['a', '1, 2']]);
    equal([...new Headers(new Headers({ a: '1' }))], [['a', '1']]);
    equal([...new Headers(new Map([['a', '1']]))], [['a', '1']]);
    throws(() => new Headers([['a']]), 'TypeError');
    throws(() => new Headers([['a', 'b', 'c']]), 'TypeError');
    throws(() => new Headers('a'), 'TypeError');
    throws(() => new Headers(null), 'TypeError');
  },
  'set-cookie is never joined': () => {
    const headers = new Headers();
    headers.append('Set-Cookie', 'a=1');
    headers.append('set-cookie', 'b=2');
    equal(headers.getSetCookie(), ['a=1', 'b=2']);
    equal([...headers], [['set-cookie', 'a=1'], ['set-cookie', 'b=2']]);
    equal(headers.get('set-cookie'), 'a=1, b=2');
    headers.set('set-cookie', 'c=3');
    equal(headers.getSetCookie(), ['c=3']);
    headers.delete('set-cookie');
    equal(headers.getSetCookie(), []);
  },
  'values are trimmed and checked': () => {
    const headers = new Headers({ a: '  b\t ' });
    equal(headers.get('a'), 'b');
    for (const value of ['a\nb', 'a\rb', 'a\0b', 'a\u0100']) {
      throws(() => headers.set('a', value), 'TypeError');
    }
    for (const name of ['', 'a b', 'a:b', 'ü', 'a\n']) {
      throws(() => headers.set(name, 'x'), 'TypeError');
    }
    headers.set('a', '\u00e9');
    equal(headers.get('a'), '\u00e9');
  },
  'forEach gives value, name and headers': () => {
    const seen = [];
    const headers = new Headers({ a: '1' });
    headers.forEach((value, name, all) => seen.push(value, name, all === headers));
    equal(seen, ['1', 'a', true]);
  },
  'iteration survives changes': () => {
    const headers = new Headers({ a: '1', b: '2', c: '3' });
    const seen = [];
    for (const [name] of headers) {
      seen.push(name);
      headers.delete('b');
    }
    equal(seen, ['a', 'c']);
  },
});
