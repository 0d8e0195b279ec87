// Line ends in names, values and the status text.
import { attack } from './attack.js';

const ways = [
  () => new Headers({ a: 'b\r\nc: d' }),
  () => new Headers({ 'a\r\nb': 'c' }),
  () => new Headers({ 'a:b': 'c' }),
  () => new Headers({ a: 'b\0c' }),
  () => new Headers({ a: '\u0130' }),
  () => new Response('x', { statusText: 'OK\r\nset-cookie: a=b' }),
  () => Response.redirect('http://a.example/\r\nset-cookie: a=b').headers.get('location')
    .includes('\n') || null.refused,
];
export default attack(() => {
  const open = ways.filter((way) => {
    try {
      way();
      return true;
    } catch {
      return false;
    }
  });
  return new Response(open.length === 0 ? 'whole' : `open: ${open.map(String)}`);
});
