// Nothing can be changed any more, in every object that can be reached.
import { attack } from './attack.js';

export default attack(async () => {
  const seen = new Set([globalThis]);
  for (const holder of seen) {
    for (const key of Reflect.ownKeys(holder)) {
      const value = Reflect.getOwnPropertyDescriptor(holder, key)?.value;
      if (Object(value) === value && !ArrayBuffer.isView(value)) seen.add(value);
    }
  }
  for (const holder of seen) if (holder !== globalThis) Object.freeze(holder);
  return new Response('whole');
});
