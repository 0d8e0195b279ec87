import { expose, tag } from './globals.js';

// https://encoding.spec.whatwg.org/ for the encodings a worker meets: UTF-8 (native), UTF-16LE and
// windows-1252, which is what the web calls Latin-1.

const kLabels = new Map();
for (const [name, labels] of [
  ['utf-8', ['unicode-1-1-utf-8', 'unicode11utf8', 'unicode20utf8', 'utf-8', 'utf8',
    'x-unicode20utf8']],
  ['utf-16le', ['csunicode', 'iso-10646-ucs-2', 'ucs-2', 'unicode', 'unicodefeff', 'utf-16',
    'utf-16le']],
  ['windows-1252', ['ansi_x3.4-1968', 'ascii', 'cp1252', 'cp819', 'csisolatin1', 'ibm819',
    'iso-8859-1', 'iso-ir-100', 'iso8859-1', 'iso88591', 'iso_8859-1', 'iso_8859-1:1987', 'l1',
    'latin1', 'us-ascii', 'windows-1252', 'x-cp1252']],
]) {
  for (const label of labels) kLabels.set(label, name);
}

// 0x80..0x9F of windows-1252; the rest is Latin-1 itself.
const kWindows1252 = '\u20AC\x81\u201A\u0192\u201E\u2026\u2020\u2021\u02C6\u2030\u0160\u2039\u0152'
  + '\x8D\u017D\x8F\x90\u2018\u2019\u201C\u201D\u2022\u2013\u2014\u02DC\u2122\u0161\u203A\u0153'
  + '\x9D\u017E\u0178';

// The bytes of a BufferSource, without copying.
export function bytesOf(source) {
  if (source instanceof Uint8Array) return source;
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  }
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  throw new TypeError('expected an ArrayBuffer or a view of one');
}

export class TextEncoder {
  get encoding() { return 'utf-8'; }
  encode(input = '') { return host.encodeUtf8(String(input)); }
  encodeInto(source, destination) {
    if (!(destination instanceof Uint8Array)) {
      throw new TypeError('encodeInto: the destination must be a Uint8Array');
    }
    const [read, written] = host.encodeUtf8Into(String(source), destination);
    return { read, written };
  }
}
tag(TextEncoder, 'TextEncoder');

export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBom;
  #pending = null;  // bytes of a character that is not complete yet
  #started = false;

  constructor(label = 'utf-8', options = {}) {
    const encoding = kLabels.get(String(label).trim().toLowerCase());
    if (encoding === undefined) {
      throw new RangeError(`TextDecoder: the encoding "${label}" is not supported`);
    }
    this.#encoding = encoding;
    this.#fatal = Boolean(options?.fatal);
    this.#ignoreBom = Boolean(options?.ignoreBOM);
  }
  get encoding() { return this.#encoding; }
  get fatal() { return this.#fatal; }
  get ignoreBOM() { return this.#ignoreBom; }

  decode(input, options = {}) {
    let bytes = input === undefined ? new Uint8Array(0) : bytesOf(input);
    const stream = Boolean(options?.stream);
    if (this.#pending !== null) {
      const joined = new Uint8Array(this.#pending.length + bytes.length);
      joined.set(this.#pending);
      joined.set(bytes, this.#pending.length);
      bytes = joined;
      this.#pending = null;
    }
    if (stream) {
      const whole = wholeCharacters(this.#encoding, bytes);
      if (whole < bytes.length) this.#pending = bytes.slice(whole);
      bytes = bytes.subarray(0, whole);
    }
    let text = this.#decodeWhole(bytes);
    if (!this.#started && text.length > 0) {
      this.#started = true;
      if (!this.#ignoreBom && this.#encoding !== 'windows-1252' && text[0] === '\uFEFF') {
        text = text.slice(1);
      }
    }
    if (!stream) this.#started = false;
    return text;
  }

  #decodeWhole(bytes) {
    if (this.#encoding === 'utf-8') {
      const text = host.decodeUtf8(bytes, this.#fatal);
      if (text === undefined) {
        this.#started = false;
        throw new TypeError('TextDecoder: the data is not valid utf-8');
      }
      return text;
    }
    if (this.#encoding === 'utf-16le') return this.#decodeUtf16(bytes);
    return host.decodeLatin1(bytes)
      .replace(/[\x80-\x9F]/g, (character) => kWindows1252[character.charCodeAt(0) - 0x80]);
  }

  #decodeUtf16(bytes) {
    let text = '';
    for (let i = 0; i + 1 < bytes.length; i += 2) {
      const unit = bytes[i] | (bytes[i + 1] << 8);
      const next = i + 3 < bytes.length ? bytes[i + 2] | (bytes[i + 3] << 8) : 0;
      const isHigh = unit >= 0xD800 && unit <= 0xDBFF;
      if (isHigh && next >= 0xDC00 && next <= 0xDFFF) {
        text += String.fromCharCode(unit, next);
        i += 2;
      } else if (unit >= 0xD800 && unit <= 0xDFFF) {
        if (this.#fatal) throw new TypeError('TextDecoder: the data is not valid utf-16le');
        text += '\uFFFD';
      } else {
        text += String.fromCharCode(unit);
      }
    }
    if (bytes.length % 2 === 1) {
      if (this.#fatal) throw new TypeError('TextDecoder: the data is not valid utf-16le');
      text += '\uFFFD';
    }
    return text;
  }
}
tag(TextDecoder, 'TextDecoder');

// How many of the bytes are whole characters; what is left may be completed by the next chunk.
function wholeCharacters(encoding, bytes) {
  const { length } = bytes;
  if (encoding === 'windows-1252' || length === 0) return length;
  if (encoding === 'utf-16le') {
    let whole = length - (length % 2);
    if (whole >= 2 && bytes[whole - 1] >= 0xD8 && bytes[whole - 1] <= 0xDB) whole -= 2;
    return whole;
  }
  for (let back = 1; back <= Math.min(3, length); ++back) {
    const byte = bytes[length - back];
    if (byte < 0x80) break;
    if (byte >= 0xC0) {
      const needed = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
      return needed > back ? length - back : length;
    }
  }
  return length;
}

expose('TextEncoder', TextEncoder);
expose('TextDecoder', TextDecoder);
