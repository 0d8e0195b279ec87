import { Body, extractBody, mixinBody } from './body.js';
import { expose, tag } from './globals.js';
import { flatHeaders, Headers, immutable, incomingHeaders } from './headers.js';
import { URL } from './url.js';

// https://fetch.spec.whatwg.org/#response-class

const kNullBody = new Set([101, 103, 204, 205, 304]);
const kRedirect = new Set([301, 302, 303, 307, 308]);
const kError = Symbol('Response.error()');
const kIncoming = Symbol('the answer to a fetch()');
const kBadStatusText = /[^\t\x20-\x7E\x80-\xFF]/;

let partsOf;

export class Response {
  #status = 200;
  #statusText = '';
  #headers = null;  // made when somebody looks, or when they were given
  #body;
  #type = 'default';
  #cf = undefined;
  #url = '';
  #redirected = false;

  constructor(body = null, init = undefined) {
    if (body === kIncoming) {
      this.#status = init.status;
      this.#statusText = init.statusText;
      this.#headers = incomingHeaders(init.headers);
      this.#body = new Body(init.source, null, null);
      this.#url = init.url;
      this.#redirected = init.redirected;
      return;
    }
    if (body === kError) {
      this.#status = 0;
      this.#type = 'error';
      this.#headers = immutable(new Headers());
      this.#body = extractBody(null);
      return;
    }
    if (init !== undefined && init !== null) this.#readInit(init);
    this.#body = extractBody(body);
    if (kNullBody.has(this.#status) && !this.#body.empty) {
      throw new TypeError(`Response: a body is not allowed with status ${this.#status}`);
    }
    if (this.#headers !== null && this.#body.type !== null && !this.#headers.has('content-type')) {
      this.#headers.set('content-type', this.#body.type);
    }
  }

  #readInit(init) {
    if (init.status !== undefined) {
      const status = Number(init.status);
      if (!Number.isInteger(status) || status < 200 || status > 599) {
        throw new RangeError('Response: the status must be from 200 to 599');
      }
      this.#status = status;
    }
    if (init.statusText !== undefined) {
      const text = String(init.statusText);
      if (kBadStatusText.test(text)) throw new TypeError('Response: not a valid status text');
      this.#statusText = text;
    }
    if (init.headers !== undefined) this.#headers = new Headers(init.headers);
    if (init.cf !== undefined) this.#cf = init.cf;
  }

  get status() { return this.#status; }
  get statusText() { return this.#statusText; }
  get ok() { return this.#status >= 200 && this.#status <= 299; }
  get headers() {
    if (this.#headers === null) {
      this.#headers = new Headers();
      if (this.#body.type !== null) this.#headers.set('content-type', this.#body.type);
    }
    return this.#headers;
  }
  get redirected() { return this.#redirected; }
  get type() { return this.#type; }
  get url() { return this.#url; }
  get cf() { return this.#cf; }

  clone() {
    const body = this.#body.clone();
    const copy = new Response(null, {
      status: this.#status || 200, statusText: this.#statusText, headers: this.headers,
      cf: this.#cf,
    });
    copy.#body = body;
    copy.#type = this.#type;
    copy.#status = this.#status;
    copy.#url = this.#url;
    copy.#redirected = this.#redirected;
    return copy;
  }

  static json(data, init = undefined) {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('Response.json: the data has no JSON form');
    const headers = new Headers(init?.headers);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    return new Response(text, { ...init, headers });
  }

  static redirect(url, status = 302) {
    const location = new URL(String(url)).href;
    if (!kRedirect.has(Number(status))) {
      throw new RangeError('Response.redirect: the status must be 301, 302, 303, 307 or 308');
    }
    const response = new Response(null, { status, headers: { location } });
    immutable(response.headers);
    return response;
  }

  static error() { return new Response(kError); }

  static {
    mixinBody(Response, (response) => response.#body);
    partsOf = (response) => {
      if (response === null || typeof response !== 'object' || !(#status in response)) return null;
      const { type } = response.#body;
      const headers = response.#headers;
      return {
        status: response.#status,
        statusText: response.#statusText,
        headers: headers !== null ? flatHeaders(headers)
          : type !== null ? ['content-type', type] : [],
        body: response.#body,
      };
    };
  }
}
tag(Response, 'Response');
expose('Response', Response);

export function incomingResponse(parts) { return new Response(kIncoming, parts); }

// Status, text, flat headers and Body of a Response; null for anything else.
export function responseParts(response) { return partsOf(response); }
