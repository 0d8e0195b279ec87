import {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableByteStreamController, ReadableStream,
  ReadableStreamBYOBReader, ReadableStreamBYOBRequest, ReadableStreamDefaultController,
  ReadableStreamDefaultReader, TransformStream, TransformStreamDefaultController, WritableStream,
  WritableStreamDefaultController, WritableStreamDefaultWriter,
} from 'web-streams-polyfill';

import { TextDecoder, TextEncoder } from './encoding.js';
import { expose, tag } from './globals.js';

const types = {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableByteStreamController, ReadableStream,
  ReadableStreamBYOBReader, ReadableStreamBYOBRequest, ReadableStreamDefaultController,
  ReadableStreamDefaultReader, TransformStream, TransformStreamDefaultController, WritableStream,
  WritableStreamDefaultController, WritableStreamDefaultWriter,
};

class TextEncoderStream {
  #transform = new TransformStream({
    transform: (chunk, controller) => {
      const bytes = new TextEncoder().encode(chunk);
      if (bytes.length > 0) controller.enqueue(bytes);
    },
  });
  get encoding() { return 'utf-8'; }
  get readable() { return this.#transform.readable; }
  get writable() { return this.#transform.writable; }
}
tag(TextEncoderStream, 'TextEncoderStream');

class TextDecoderStream {
  #decoder;
  #transform;
  constructor(label = 'utf-8', options = {}) {
    this.#decoder = new TextDecoder(label, options);
    const enqueue = (text, controller) => { if (text !== '') controller.enqueue(text); };
    this.#transform = new TransformStream({
      transform: (chunk, controller) => {
        enqueue(this.#decoder.decode(chunk, { stream: true }), controller);
      },
      flush: (controller) => enqueue(this.#decoder.decode(), controller),
    });
  }
  get encoding() { return this.#decoder.encoding; }
  get fatal() { return this.#decoder.fatal; }
  get ignoreBOM() { return this.#decoder.ignoreBOM; }
  get readable() { return this.#transform.readable; }
  get writable() { return this.#transform.writable; }
}
tag(TextDecoderStream, 'TextDecoderStream');

for (const [name, type] of Object.entries(types)) expose(name, type);
expose('TextEncoderStream', TextEncoderStream);
expose('TextDecoderStream', TextDecoderStream);

export { ReadableStream };
