import { bytesOf } from './encoding.js';
import { ArrayBuffer, Promise, Table, TypeError, Uint8Array } from './language.js';
import { ReadableStream } from './streams.js';
import { URLSearchParams } from './url.js';

// What Request and Response share: a body that may be taken once. Its source stays as it came (a
// string, bytes, or pieces that the host holds) and becomes a stream only when somebody asks for one:
// most bodies never do.

export class Body {
  source;    // null | string | Uint8Array | IncomingBody
  stream = null;
  taken = false;
  type;      // content-type that goes with the source, or null

  constructor(source, stream, type) {
    this.source = source;
    this.stream = stream;
    this.type = type;
  }

  get empty() { return this.source === null && this.stream === null; }

  // True after it was read, and while a reader that has read from it holds the stream.
  get used() { return this.taken || (this.stream !== null && isDisturbed(this.stream)); }

  asStream() {
    if (this.stream === null && this.source !== null) {
      const { source } = this;
      this.stream = source instanceof IncomingBody ? source.stream() : streamOf(source);
      if (this.taken) this.stream.getReader();  // a body that was read is a locked stream
      this.source = null;
    }
    return this.stream;
  }

  // The whole body, as a string where it is one, else as bytes. Rejects when it was used before.
  async takeAll() {
    if (this.used || this.stream?.locked) throw new TypeError('Body has already been used.');
    const { source } = this;
    if (this.empty) return new Uint8Array(0);
    this.taken = true;
    if (this.stream === null) {
      return source instanceof IncomingBody ? source.readAll() : source;
    }
    return readAll(this.stream);
  }

  clone() {
    if (this.used || this.stream?.locked) throw new TypeError('Body has already been used.');
    if (this.stream === null && !(this.source instanceof IncomingBody)) {
      return new Body(this.source, null, this.type);
    }
    const [mine, copy] = this.asStream().tee();
    this.stream = mine;
    return new Body(null, copy, this.type);
  }
}

// The pieces of a request's body, which the host takes from the wire under its credit scheme.
export class IncomingBody {
  #id;
  constructor(id) { this.#id = id; }

  readAll() {
    const all = host.takeBody(this.#id);
    return all === undefined ? readAll(this.stream()) : all;
  }

  stream() {
    const id = this.#id;
    return new ReadableStream({
      type: 'bytes',
      async pull(controller) {
        let piece = host.readBody(id);
        while (piece === undefined) {
          await new Promise((resolve) => { waiting.set(id, resolve); });
          piece = host.readBody(id);
        }
        if (piece === null) {
          controller.close();
          controller.byobRequest?.respond(0);
        } else {
          controller.enqueue(piece);
        }
      },
    }, { highWaterMark: 0 });
  }
}

const waiting = new Table();  // request id -> what to call when more of its body is here

// Called by the host: more of the body has come, or it will never come.
export function onBody(id) {
  const resolve = waiting.get(id);
  waiting.delete(id);
  resolve?.();
}

export function forgetBody(id) { waiting.delete(id); }

// Turns a BodyInit into a Body.
export function extractBody(init) {
  if (init === undefined || init === null) return new Body(null, null, null);
  if (typeof init === 'string') return new Body(init, null, 'text/plain;charset=UTF-8');
  if (init instanceof ReadableStream) {
    if (init.locked || isDisturbed(init)) {
      throw new TypeError('This ReadableStream is disturbed (has already been read from).');
    }
    return new Body(null, init, null);
  }
  if (init instanceof ArrayBuffer || ArrayBuffer.isView(init)) {
    return new Body(bytesOf(init).slice(), null, null);
  }
  if (init instanceof URLSearchParams) {
    return new Body(String(init), null, 'application/x-www-form-urlencoded;charset=UTF-8');
  }
  return new Body(String(init), null, 'text/plain;charset=UTF-8');
}

// The polyfill keeps this in an internal slot of the same name as in the standard.
function isDisturbed(stream) { return stream._disturbed === true; }

function streamOf(source) {
  return new ReadableStream({
    type: 'bytes',
    start(controller) {
      const bytes = typeof source === 'string' ? host.encodeUtf8(source) : source.slice();
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}

async function readAll(stream) {
  const reader = stream.getReader();
  const pieces = [];
  let length = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const bytes = bodyChunk(value);
    pieces[pieces.length] = bytes;
    length += bytes.length;
  }
  const all = new Uint8Array(length);
  let offset = 0;
  for (let i = 0; i < pieces.length; ++i) {
    all.set(pieces[i], offset);
    offset += pieces[i].length;
  }
  return all;
}

// The bytes of a chunk that came out of a body's stream; anything else there is an error.
export function bodyChunk(value) {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return bytesOf(value);
  throw new TypeError('a body stream must give bytes: use TextEncoderStream for text');
}

function textOf(all) {
  if (typeof all === 'string') return all;
  const text = host.decodeUtf8(all, false);
  return text[0] === '\uFEFF' ? text.slice(1) : text;
}

function ownBytes(all) {
  return typeof all === 'string' ? host.encodeUtf8(all) : all;
}

// Adds the reading methods to Request or Response. `bodyOf` gives the Body of an instance.
export function mixinBody(type, bodyOf) {
  const methods = {
    async text() { return textOf(await bodyOf(this).takeAll()); },
    async json() { return JSON.parse(textOf(await bodyOf(this).takeAll())); },
    async bytes() { return ownBytes(await bodyOf(this).takeAll()).slice(); },
    async arrayBuffer() { return ownBytes(await bodyOf(this).takeAll()).slice().buffer; },
  };
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(type.prototype, name, { value, writable: true, configurable: true });
  }
  Object.defineProperties(type.prototype, {
    body: { get() { return bodyOf(this).asStream(); }, configurable: true, enumerable: true },
    bodyUsed: { get() { return bodyOf(this).used; }, configurable: true, enumerable: true },
  });
}
