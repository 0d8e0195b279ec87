import { equal, ok, suite, throws } from './harness.js';

const decode = (bytes, ...rest) => new TextDecoder(...rest).decode(new Uint8Array(bytes));

export default suite({
  'UTF-8 goes there and back': () => {
    const text = 'aé€😀\0';
    equal([...new TextEncoder().encode(text)],
      [0x61, 0xC3, 0xA9, 0xE2, 0x82, 0xAC, 0xF0, 0x9F, 0x98, 0x80, 0]);
    equal(new TextDecoder().decode(new TextEncoder().encode(text)), text);
    equal(new TextEncoder().encode().length, 0);
    equal([...new TextEncoder().encode('\uD800')], [0xEF, 0xBF, 0xBD]);
  },
  'what is not UTF-8 is replaced or refused': () => {
    equal(decode([0xFF, 0x61]), '\uFFFDa');
    equal(decode([0xE2, 0x82]), '\uFFFD');
    equal(decode([0xF0, 0x9F, 0x61]), '\uFFFDa');
    for (const bytes of [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0xF5, 0x80]]) {
      throws(() => decode(bytes, 'utf-8', { fatal: true }), 'TypeError');
    }
    equal(decode([0xF0, 0x9F, 0x98, 0x80], 'utf-8', { fatal: true }), '😀');
  },
  'a stream may cut a character': () => {
    const decoder = new TextDecoder();
    let text = '';
    for (const byte of [0xF0, 0x9F, 0x98, 0x80, 0x61]) {
      text += decoder.decode(new Uint8Array([byte]), { stream: true });
    }
    equal(text + decoder.decode(), '😀a');
    equal(decoder.decode(new Uint8Array([0xE2]), { stream: true }), '');
    equal(decoder.decode(), '\uFFFD');
  },
  'byte order marks': () => {
    equal(decode([0xEF, 0xBB, 0xBF, 0x61]), 'a');
    equal(decode([0xEF, 0xBB, 0xBF, 0x61], 'utf-8', { ignoreBOM: true }), '\uFEFFa');
  },
  'other encodings': () => {
    equal(decode([0x61, 0, 0x3D, 0xD8, 0, 0xDE], 'utf-16le'), 'a😀');
    equal(decode([0x3D, 0xD8], 'utf-16'), '\uFFFD');
    equal(decode([0xE9, 0x80, 0x99], 'latin1'), 'é€™');
    equal(new TextDecoder('ascii').encoding, 'windows-1252');
    throws(() => new TextDecoder('klingon'), 'RangeError');
  },
  'encodeInto writes whole characters': () => {
    const target = new Uint8Array(4);
    equal(new TextEncoder().encodeInto('a€€', target), { read: 2, written: 4 });
    equal([...target], [0x61, 0xE2, 0x82, 0xAC]);
  },
  'views are decoded where they lie': () => {
    const buffer = new TextEncoder().encode('abcdef').buffer;
    equal(new TextDecoder().decode(new Uint8Array(buffer, 2, 3)), 'cde');
    equal(new TextDecoder().decode(buffer), 'abcdef');
    equal(new TextDecoder().decode(new DataView(buffer, 1)), 'bcdef');
    throws(() => new TextDecoder().decode('text'), 'TypeError');
  },
  'base64': () => {
    equal(btoa('hello'), 'aGVsbG8=');
    equal(btoa('\xFF\xFE'), '//4=');
    equal(atob(' aGVs\nbG8 '), 'hello');
    equal(atob('aGVsbG8='), 'hello');
    equal(atob(''), '');
    throws(() => btoa('€'), 'InvalidCharacterError');
    for (const bad of ['a', 'a=b', '====', 'aGVsbG8==', 'a*bc']) {
      throws(() => atob(bad), 'InvalidCharacterError');
    }
    ok(atob(btoa('\0\x01\x02')) === '\0\x01\x02');
  },
});
