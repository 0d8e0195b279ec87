// Checks that find nothing wrong, so that a header would bring further ones with it.
import { attack } from './attack.js';

export default attack(async () => {
  RegExp.prototype.exec = function forged() { return this.source.startsWith('^') ? [''] : null; };
  RegExp.prototype.test = function forged() { return this.source.startsWith('^'); };
  String.prototype.replace = function forged() { return String(this); };
  return new Response('split', {
    statusText: 'OK\r\nforged: 0',
    headers: { a: 'b\r\nforged: 1', 'c: d\r\nforged': '2' },
  });
});
