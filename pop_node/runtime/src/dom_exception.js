import { expose, tag } from './globals.js';

// https://webidl.spec.whatwg.org/#idl-DOMException-error-names
const kLegacyCodes = {
  IndexSizeError: 1, HierarchyRequestError: 3, WrongDocumentError: 4, InvalidCharacterError: 5,
  NoModificationAllowedError: 7, NotFoundError: 8, NotSupportedError: 9, InUseAttributeError: 10,
  InvalidStateError: 11, SyntaxError: 12, InvalidModificationError: 13, NamespaceError: 14,
  InvalidAccessError: 15, TypeMismatchError: 17, SecurityError: 18, NetworkError: 19,
  AbortError: 20, URLMismatchError: 21, QuotaExceededError: 22, TimeoutError: 23,
  InvalidNodeTypeError: 24, DataCloneError: 25,
};

export class DOMException extends Error {
  #name;

  constructor(message = '', name = 'Error') {
    super(String(message));
    this.#name = String(name);
  }
  get name() { return this.#name; }
  get code() { return Object.hasOwn(kLegacyCodes, this.#name) ? kLegacyCodes[this.#name] : 0; }
}
tag(DOMException, 'DOMException');

for (const [name, code] of Object.entries(kLegacyCodes)) {
  // IndexSizeError is INDEX_SIZE_ERR, URLMismatchError is URL_MISMATCH_ERR.
  const constant = name.replace(/Error$/, 'Err')
    .replace(/([a-z])([A-Z])/g, '$1_$2').replace('URLM', 'URL_M').toUpperCase();
  for (const holder of [DOMException, DOMException.prototype]) {
    Object.defineProperty(holder, constant, { value: code, enumerable: true });
  }
}

expose('DOMException', DOMException);
