// Regular expressions that find what is not there.
import { attack } from './attack.js';

export default attack(async () => {
  RegExp.prototype.exec = () => ['hijacked'];
  RegExp.prototype.test = () => false;
  RegExp.prototype[Symbol.replace] = () => 'a\r\nset-cookie: forged=1';
  try {
    const answer = new Response('split', { headers: { a: 'b\r\nforged: 1' } });
    return new Response(answer.headers.get('a').includes('\r') ? 'split' : 'whole');
  } catch {
    return new Response('whole');
  }
});
