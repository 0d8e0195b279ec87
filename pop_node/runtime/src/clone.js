import { DOMException } from './dom_exception.js';
import { expose } from './globals.js';

function structuredClone(value, options = undefined) {
  if (arguments.length === 0) throw new TypeError('structuredClone: the value is missing');
  const transfer = options?.transfer === undefined ? [] : [...options.transfer];
  for (const [index, item] of transfer.entries()) {
    if (!(item instanceof ArrayBuffer) || transfer.indexOf(item) !== index || isDetached(item)) {
      throw new DOMException('structuredClone: only ArrayBuffers can be transferred, each once',
        'DataCloneError');
    }
  }
  return host.clone(value, transfer,
    (message) => new DOMException(message, 'DataCloneError'));
}

function isDetached(buffer) {
  try {
    return new Uint8Array(buffer) === null;
  } catch {
    return true;
  }
}

expose('structuredClone', structuredClone);
