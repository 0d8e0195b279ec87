import { DOMException } from './dom_exception.js';
import { expose } from './globals.js';

// https://html.spec.whatwg.org/multipage/webappapis.html#atob
function btoa(data) {
  if (arguments.length === 0) throw new TypeError('btoa: the argument is missing');
  const text = host.base64Encode(String(data));
  if (text === undefined) {
    throw new DOMException('btoa: a character is outside of the Latin-1 range',
      'InvalidCharacterError');
  }
  return text;
}

function atob(data) {
  if (arguments.length === 0) throw new TypeError('atob: the argument is missing');
  const text = host.base64Decode(String(data));
  if (text === undefined) {
    throw new DOMException('atob: the string is not correctly encoded', 'InvalidCharacterError');
  }
  return text;
}

expose('btoa', btoa);
expose('atob', atob);
