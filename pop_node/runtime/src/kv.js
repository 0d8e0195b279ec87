import { extractBody } from './body.js';
import { bytesOf } from './encoding.js';
import { Fetch, FetchedBody } from './fetch.js';
import { tag } from './globals.js';
import { ArrayBuffer, Error, TypeError, Uint8Array } from './language.js';
import { ReadableStream } from './streams.js';

// A KV namespace in `env`, with the methods, options and errors of Cloudflare's Workers KV. Each
// operation is a subrequest on the binding, which the PoP answers (pop_node/kv/kv_translation.h has
// the other half).
// What the PoP and the control plane would refuse is refused here first, in words for the worker.

const kKeyBytesMax = 512;
const kValueBytesMax = 25 * 1024 * 1024;
const kMetadataBytesMax = 1024;
const kTtlMin = 60;
const kCacheTtlMin = 30;
const kListMax = 1000;
const kTypes = ['text', 'json', 'arrayBuffer', 'stream'];

// Header values are bytes, carried as Latin-1.
function toHeader(text) { return host.decodeLatin1(host.encodeUtf8(text)); }

function fromHeader(value) {
  const bytes = new Uint8Array(value.length);
  for (let i = 0; i < value.length; i += 1) bytes[i] = value.charCodeAt(i);
  return host.decodeUtf8(bytes, false);
}

function headerOf(flat, name) {
  for (let i = 0; i < flat.length; i += 2) if (flat[i] === name) return flat[i + 1];
  return null;
}

function failed(method, status, why) {
  return new Error(`KV ${method} failed: ${status} ${why}`);
}

function checkedKey(method, key) {
  const name = String(key);
  if (name === '') throw new TypeError('Key name cannot be empty.');
  if (name === '.') throw new TypeError('"." is not allowed as a key name.');
  if (name === '..') throw new TypeError('".." is not allowed as a key name.');
  const { length } = host.encodeUtf8(name);
  if (length > kKeyBytesMax) {
    throw failed(method, 414,
      `UTF-8 encoded length of ${length} exceeds key length limit of ${kKeyBytesMax}.`);
  }
  return name;
}

function wholeNumber(value) {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : null;
}

function readOptions(given) {
  const { type = 'text', cacheTtl } = typeof given === 'string' ? { type: given } : given ?? {};
  if (!kTypes.includes(type)) {
    throw new TypeError('Unknown response type. Possible types are "text", "arrayBuffer", "json", and '
      + '"stream".');
  }
  if (cacheTtl === undefined || cacheTtl === null) return { type, headers: [] };
  const age = wholeNumber(cacheTtl);
  if (age === null || age < kCacheTtlMin) {
    throw failed('GET', 400,
      `Invalid cache_ttl of ${cacheTtl}. Cache TTL must be at least ${kCacheTtlMin}.`);
  }
  return { type, headers: ['age-max', String(age)] };
}

// When the key goes, in seconds of Unix time; null: never.
function expirationOf({ expiration, expirationTtl }) {
  if (expirationTtl !== undefined && expirationTtl !== null) {
    const ttl = wholeNumber(expirationTtl);
    if (ttl === null || ttl <= 0) {
      throw failed('PUT', 400, `Invalid expiration_ttl of ${expirationTtl}. Please specify integer `
        + 'greater than 0.');
    }
    if (ttl < kTtlMin) {
      throw failed('PUT', 400,
        `Invalid expiration_ttl of ${ttl}. Expiration TTL must be at least ${kTtlMin}.`);
    }
    return Math.floor(Date.now() / 1000) + ttl;
  }
  if (expiration === undefined || expiration === null) return null;
  const at = wholeNumber(expiration);
  const now = Math.floor(Date.now() / 1000);
  if (at === null || at <= now) {
    throw failed('PUT', 400, `Invalid expiration of ${expiration}. Please specify integer greater `
      + 'than the current number of seconds since the UNIX epoch.');
  }
  if (at < now + kTtlMin) {
    throw failed('PUT', 400, `Invalid expiration of ${at}. Expiration times must be at least `
      + `${kTtlMin} seconds in the future.`);
  }
  return at;
}

function writeHeaders(options) {
  const headers = [];
  const expiration = expirationOf(options);
  if (expiration !== null) headers.push('expiration', String(expiration));
  if (options.metadata === undefined || options.metadata === null) return headers;
  const metadata = JSON.stringify(options.metadata);
  if (metadata === undefined) throw new TypeError('The metadata cannot be serialised as JSON.');
  const { length } = host.encodeUtf8(metadata);
  if (length > kMetadataBytesMax) {
    throw failed('PUT', 413, `Metadata length of ${length} exceeds limit of ${kMetadataBytesMax}.`);
  }
  headers.push('metadata', toHeader(metadata));
  return headers;
}

// A string or bytes; what a stream gives is gathered first.
async function valueOf(value) {
  if (typeof value === 'string') return value;
  if (value instanceof ReadableStream) return extractBody(value).takeAll();
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return bytesOf(value);
  throw new TypeError('KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and '
    + 'ReadableStreams as values.');
}

function bufferOf(bytes) {
  return bytes.length === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
}

async function readAs(type, body) {
  if (type === 'stream') return body.stream();
  const bytes = await body.readAll();
  if (type === 'arrayBuffer') return bufferOf(bytes);
  const text = host.decodeUtf8(bytes, false);
  return type === 'json' ? JSON.parse(text) : text;
}

class KvNamespace {
  #binding;

  constructor(binding) {
    if (typeof binding !== 'string') throw new TypeError('Illegal constructor');
    this.#binding = binding;
  }

  async get(key, options = undefined) {
    return (await this.#read(key, options)).value;
  }

  async getWithMetadata(key, options = undefined) {
    return this.#read(key, options);
  }

  async put(key, value, options = undefined) {
    const name = checkedKey('PUT', key);
    const headers = writeHeaders(options ?? {});
    const body = await valueOf(value);
    const length = typeof body === 'string' ? host.encodeUtf8(body).length : body.length;
    if (length > kValueBytesMax) {
      throw failed('PUT', 413, `Value length of ${length} exceeds limit of ${kValueBytesMax}.`);
    }
    await this.#done('PUT', name, headers, body);
  }

  async delete(key) {
    await this.#done('DELETE', checkedKey('DELETE', key), [], null);
  }

  async list(options = undefined) {
    const { prefix, limit, cursor } = options ?? {};
    const headers = [];
    if (limit !== undefined && limit !== null) {
      const count = wholeNumber(limit);
      if (count === null || count < 1 || count > kListMax) {
        throw failed('GET', 400, `Invalid key_count_limit of ${limit}. Please specify an integer `
          + `from 1 to ${kListMax}.`);
      }
      headers.push('limit', String(count));
    }
    if (cursor !== undefined && cursor !== null) headers.push('cursor', toHeader(String(cursor)));
    const { status, body } = await this.#ask('LIST', String(prefix ?? ''), headers, null);
    const text = await readAs('text', body);
    if (status !== 200) throw failed('GET', status, text);
    return { ...JSON.parse(text), cacheStatus: null };
  }

  async #read(key, options) {
    const { type, headers } = readOptions(options);
    const { status, flat, body } = await this.#ask('GET', checkedKey('GET', key), headers, null);
    if (status !== 200) {
      const why = await readAs('text', body);
      if (status !== 404) throw failed('GET', status, why);
      return { value: null, metadata: null, cacheStatus: null };
    }
    const metadata = headerOf(flat, 'metadata');
    return {
      value: await readAs(type, body),
      metadata: metadata === null ? null : JSON.parse(fromHeader(metadata)),
      cacheStatus: null,
    };
  }

  async #done(method, key, headers, value) {
    const { status, body } = await this.#ask(method, key, headers, value);
    const why = await readAs('text', body);
    if (status !== 200) throw failed(method, status, why);
  }

  async #ask(method, key, headers, value) {
    const asked = new Fetch(method, key, headers, value, null, this.#binding);
    const [status, , flat] = await asked.head();
    return { status, flat, body: new FetchedBody(asked) };
  }
}
tag(KvNamespace, 'KvNamespace');

// Called by the host for each binding, before the worker's top level runs.
export function makeKvNamespace(binding) { return new KvNamespace(binding); }
