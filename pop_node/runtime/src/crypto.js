import { DOMException } from './dom_exception.js';
import { expose, tag } from './globals.js';

// Randomness comes from the kernel at each call and is kept nowhere, so that no two isolates made of
// the same memory ever draw the same numbers. The rest of Web Crypto is not here yet.

const kIntegerArrays = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array,
  Int32Array, Uint32Array, BigInt64Array, BigUint64Array];

class Crypto {
  getRandomValues(array) {
    if (!kIntegerArrays.some((type) => array instanceof type)) {
      throw new DOMException('getRandomValues: expected an array of integers', 'TypeMismatchError');
    }
    if (array.byteLength > 65536) {
      throw new DOMException('getRandomValues: at most 65536 bytes at a time',
        'QuotaExceededError');
    }
    host.fillRandom(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    return array;
  }
  randomUUID() { return host.randomUuid(); }
}
tag(Crypto, 'Crypto');

expose('crypto', new Crypto());
expose('Crypto', Crypto);

// V8's own generator keeps its state in the isolate's memory, from where two requests could draw the
// same numbers; the host seeds its one for each request.
Object.defineProperty(Math, 'random', {
  value: host.random, writable: true, enumerable: false, configurable: true,
});
