import { expose, tag } from './globals.js';
import { isArray, Table, TypeError } from './language.js';

// https://fetch.spec.whatwg.org/#headers-class. Names are kept in lower case, in order of arrival;
// iteration sorts them. set-cookie is never joined.

const kToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const kBadValue = /[\0\r\n]|[^\x00-\xFF]/;

function normalName(name) {
  const text = String(name);
  if (!kToken.test(text)) throw new TypeError(`Headers: "${text}" is not a valid header name`);
  return text.toLowerCase();
}

function normalValue(value) {
  const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  if (kBadValue.test(text)) throw new TypeError('Headers: not a valid header value');
  return text;
}

let makeImmutable;
let flatten;
let adopt;

export class Headers {
  #values = new Table();  // name -> value, but 'set-cookie' -> array of values
  #immutable = false;

  constructor(init = undefined) {
    if (init === undefined || init === null) {
      if (init === null) throw new TypeError('Headers: the initial value must be an object');
      return;
    }
    if (typeof init !== 'object' && typeof init !== 'function') {
      throw new TypeError('Headers: the initial value must be an object');
    }
    if (init instanceof Headers) {
      init.#values.forEach((value, name) => {
        this.#values.set(name, isArray(value) ? [...value] : value);
      });
    } else if (typeof init[Symbol.iterator] === 'function') {
      for (const pair of init) {
        const [name, value, ...rest] = [...pair];
        if (value === undefined || rest.length > 0) {
          throw new TypeError('Headers: each entry must be a pair of name and value');
        }
        this.append(name, value);
      }
    } else {
      for (const name of Reflect.ownKeys(init)) {
        if (Object.getOwnPropertyDescriptor(init, name)?.enumerable) {
          this.append(name, init[name]);
        }
      }
    }
  }

  append(name, value) {
    const key = normalName(name);
    const text = normalValue(value);
    this.#check();
    const before = this.#values.get(key);
    if (key === 'set-cookie') this.#values.set(key, [...(before ?? []), text]);
    else this.#values.set(key, before === undefined ? text : `${before}, ${text}`);
  }
  set(name, value) {
    const key = normalName(name);
    const text = normalValue(value);
    this.#check();
    this.#values.set(key, key === 'set-cookie' ? [text] : text);
  }
  delete(name) {
    const key = normalName(name);
    this.#check();
    this.#values.delete(key);
  }
  get(name) {
    const value = this.#values.get(normalName(name));
    if (value === undefined) return null;
    return isArray(value) ? value.join(', ') : value;
  }
  has(name) { return this.#values.has(normalName(name)); }
  getSetCookie() { return [...(this.#values.get('set-cookie') ?? [])]; }

  forEach(callback, self = undefined) {
    if (typeof callback !== 'function') throw new TypeError('Headers.forEach: not a function');
    for (const [name, value] of this) callback.call(self, value, name, this);
  }
  * entries() {
    for (const name of [...this.#values.keys()].sort()) {
      const value = this.#values.get(name);
      if (isArray(value)) for (const item of value) yield [name, item];
      else if (value !== undefined) yield [name, value];
    }
  }
  * keys() { for (const [name] of this.entries()) yield name; }
  * values() { for (const [, value] of this.entries()) yield value; }

  #check() { if (this.#immutable) throw new TypeError("Can't modify immutable headers."); }

  static {
    makeImmutable = (headers) => { headers.#immutable = true; };
    flatten = (headers) => {
      const flat = [];
      const add = (name, value) => {
        flat[flat.length] = name;
        flat[flat.length] = value;
      };
      headers.#values.forEach((value, name) => {
        if (!isArray(value)) add(name, value);
        else for (let i = 0; i < value.length; ++i) add(name, value[i]);
      });
      return flat;
    };
    adopt = (headers, flat) => {
      const values = headers.#values;
      for (let i = 0; i < flat.length; i += 2) {
        const name = flat[i];
        const before = values.get(name);
        if (name === 'set-cookie') values.set(name, [...(before ?? []), flat[i + 1]]);
        else values.set(name, before === undefined ? flat[i + 1] : `${before}, ${flat[i + 1]}`);
      }
    };
  }
}
Object.defineProperty(Headers.prototype, Symbol.iterator, {
  value: Headers.prototype.entries, writable: true, configurable: true,
});
tag(Headers, 'Headers');
expose('Headers', Headers);

// The headers of a request from outside: [name, value, name, value, …], names in lower case.
export function incomingHeaders(flat) {
  const headers = new Headers();
  adopt(headers, flat);
  makeImmutable(headers);
  return headers;
}

export function immutable(headers) {
  makeImmutable(headers);
  return headers;
}

// [name, value, name, value, …] in order of arrival.
export function flatHeaders(headers) { return flatten(headers); }
