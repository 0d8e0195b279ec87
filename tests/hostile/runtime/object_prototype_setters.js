// Setters where the platform's own objects would have their properties.
import { attack } from './attack.js';

export default attack(async (request) => {
  for (const name of ['status', 'headers', 'body', 'value', 'done', 'id', 'source', 'type', 'url',
    'method', 'resolve', 'fatal', 'stream', 'get', 'set', 'key', 'writable', 'cancel']) {
    Object.defineProperty(Object.prototype, name, {
      __proto__: null,
      get() { return undefined; },
      set() { throw new Error(`hijacked ${name}`); },
      configurable: true,
    });
  }
  const text = await new Response('whole').text();
  return new Response(text, Object.assign(Object.create(null), { status: 200 }));
});
