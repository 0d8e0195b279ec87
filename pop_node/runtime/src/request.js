import { AbortController, AbortSignal } from './abort.js';
import { Body, extractBody, IncomingBody, mixinBody } from './body.js';
import { expose, tag } from './globals.js';
import { flatHeaders, Headers, incomingHeaders } from './headers.js';
import { URL } from './url.js';

// https://fetch.spec.whatwg.org/#request-class, as far as it means something on a server.

const kToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const kNormalized = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);
const kForbidden = new Set(['CONNECT', 'TRACE', 'TRACK']);
const kIncoming = Symbol('a request from outside');

function normalMethod(method) {
  const text = String(method);
  const upper = text.toUpperCase();
  if (!kToken.test(text) || kForbidden.has(upper)) {
    throw new TypeError(`Request: the method "${text}" is not allowed`);
  }
  return kNormalized.has(upper) ? upper : text;
}

let abortIncoming;
let partsOf;

export class Request {
  #method = 'GET';
  #url;
  #headers = null;
  #flatHeaders = null;  // of a request from outside, until somebody looks at its headers
  #body;
  #signal = null;
  #controller = null;
  #redirect = 'follow';
  #cf = undefined;
  #place = null;        // of a request from outside, until somebody looks at its cf

  constructor(input, init = undefined) {
    if (input === kIncoming) {
      this.#method = init.method;
      this.#url = init.url;
      this.#flatHeaders = init.headers;
      this.#body = new Body(init.hasBody ? new IncomingBody(init.id) : null, null, null);
      this.#place = init;
      return;
    }
    if (arguments.length === 0) throw new TypeError('Request: the URL is missing');
    const options = init ?? {};
    const from = input instanceof Request ? input : null;
    if (from !== null) {
      this.#method = from.#method;
      this.#url = from.#url;
      this.#redirect = from.#redirect;
      this.#cf = from.cf;
      this.#signal = from.signal;
    } else {
      this.#url = new URL(String(input)).href;
    }
    if (options.method !== undefined) this.#method = normalMethod(options.method);
    if (options.redirect !== undefined) this.#redirect = String(options.redirect);
    if (options.cf !== undefined) this.#cf = options.cf;
    if (options.signal !== undefined && options.signal !== null) {
      if (!(options.signal instanceof AbortSignal)) {
        throw new TypeError('Request: the signal must be an AbortSignal');
      }
      this.#signal = options.signal;
    }
    this.#headers = new Headers(options.headers ?? from?.headers);
    this.#takeBody(options, from);
  }

  #takeBody(options, from) {
    const given = options.body !== undefined && options.body !== null;
    if (given && (this.#method === 'GET' || this.#method === 'HEAD')) {
      throw new TypeError(`Request: a ${this.#method} request cannot have a body`);
    }
    if (given || from === null) {
      this.#body = extractBody(options.body);
    } else {
      if (from.#body.used) throw new TypeError('Body has already been used.');
      const { source, type } = from.#body;
      this.#body = from.#body.stream === null ? new Body(source, null, type)
        : new Body(null, from.#body.stream.pipeThrough(new TransformStream()), type);
      if (!from.#body.empty) from.#body.taken = true;
    }
    if (given && this.#body.type !== null && !this.#headers.has('content-type')) {
      this.#headers.set('content-type', this.#body.type);
    }
  }

  get method() { return this.#method; }
  get url() { return this.#url; }
  get headers() {
    if (this.#headers === null) {
      this.#headers = incomingHeaders(this.#flatHeaders);
      this.#flatHeaders = null;
    }
    return this.#headers;
  }
  get signal() {
    if (this.#signal === null) {
      this.#controller = new AbortController();
      this.#signal = this.#controller.signal;
    }
    return this.#signal;
  }
  get cf() {
    if (this.#place !== null) {
      this.#cf = cfOf(this.#place);
      this.#place = null;
    }
    return this.#cf;
  }
  get redirect() { return this.#redirect; }
  get cache() { return 'default'; }
  get credentials() { return 'same-origin'; }
  get destination() { return ''; }
  get integrity() { return ''; }
  get keepalive() { return false; }
  get mode() { return 'cors'; }
  get referrer() { return 'about:client'; }
  get referrerPolicy() { return ''; }

  clone() {
    const body = this.#body.clone();
    const copy = new Request(this.#url, {
      method: this.#method, headers: this.headers, signal: this.signal, redirect: this.#redirect,
      cf: this.cf,
    });
    copy.#body = body;
    return copy;
  }

  static {
    mixinBody(Request, (request) => request.#body);
    abortIncoming = (request, reason) => request.#controller?.abort(reason);
    partsOf = (request) => ({
      method: request.#method,
      url: request.#url,
      headers: request.#headers === null ? request.#flatHeaders : flatHeaders(request.#headers),
      body: request.#body,
      redirect: request.#redirect,
      signal: request.#signal,
    });
  }
}
tag(Request, 'Request');
expose('Request', Request);

// What a worker sees of the client's place. Latitude and longitude are strings, as on the platforms
// whose name for this object is the same.
function cfOf(place) {
  const cf = { colo: place.colo, httpProtocol: place.protocol };
  if (place.placeKnown) {
    cf.country = place.country;
    cf.city = place.city;
    cf.latitude = place.latitude.toFixed(5);
    cf.longitude = place.longitude.toFixed(5);
  }
  return cf;
}

export function incomingRequest(parts) { return new Request(kIncoming, parts); }

// What fetch() sends of it. `headers` are flat, `signal` may be null.
export function requestParts(request) { return partsOf(request); }

// The client of this request is gone.
export function abortRequest(request, reason) { abortIncoming(request, reason); }
