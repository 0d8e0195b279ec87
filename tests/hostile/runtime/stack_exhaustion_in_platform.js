// The platform's own code, called with hardly any stack left.
import { attack } from './attack.js';

function atTheEnd(action) {
  try {
    atTheEnd(action);
  } catch {
    action();
  }
}
const actions = [
  () => new Response(new Response('x').body).text().catch(() => {}),
  () => new Headers({ a: 'b' }).get('a'),
  () => new URL('http://a.example/b?c=d').searchParams.get('c'),
  () => structuredClone(new Map([[1, { a: [1, 2, 3] }]])),
  () => console.log({ a: { b: { c: [1, 2, 3] } } }),
  () => new TextDecoder('utf-16le').decode(new Uint8Array(100)),
  () => JSON.parse('[[[[[[[[[[1]]]]]]]]]]'),
  () => setTimeout(() => {}, 1),
  () => new Intl.NumberFormat('de').format(1),
  () => /((((a))))+/.test('aaaaaaa'),
];
export default attack(() => {
  for (const action of actions) {
    try {
      atTheEnd(action);
    } catch {
      // There was not enough of it.
    }
  }
  return new Response('whole');
});
