import { IncomingBody, onBody as onRequestBody } from './body.js';
import { expose } from './globals.js';
import { Promise, Table, TypeError, Uint8Array } from './language.js';
import { Request, requestParts } from './request.js';
import { incomingResponse } from './response.js';
import { ReadableStream } from './streams.js';
import { URL } from './url.js';

// https://fetch.spec.whatwg.org/#fetch-method for requests to the other workers of this PoP: there is
// nothing else that could be reached. The host counts them and keeps all but a few of them waiting.

const kRedirect = new Set([301, 302, 303, 307, 308]);
const kNullBody = new Set([204, 205, 304]);
const kRedirectsMax = 20;
// What must not follow a redirect to another origin.
const kOfOneOrigin = new Set(['authorization', 'proxy-authorization', 'cookie', 'host']);
// What belongs to a body that a redirect has dropped.
const kOfTheBody = new Set(['content-encoding', 'content-language', 'content-location',
  'content-type', 'content-length']);

const underWay = new Table();  // id of a request -> Table of its fetches' ids -> Fetch

// One request of a worker's own, from its start to the end of its answer's body. With a binding it is
// the PoP itself that is asked, and the URL what that binding understands by it.
export class Fetch {
  #id;
  #request;
  #wake = null;
  #aborted = null;  // { reason }
  #signal = null;
  #onAbort = null;

  constructor(method, url, headers, body, signal, binding = '') {
    this.#request = host.currentRequest();
    this.#id = host.startFetch(method, url, headers, body, binding);
    if (!underWay.has(this.#request)) underWay.set(this.#request, new Table());
    underWay.get(this.#request).set(this.#id, this);
    if (signal === null) return;
    this.#signal = signal;
    this.#onAbort = () => this.#abort(signal.reason);
    signal.addEventListener('abort', this.#onAbort);
  }

  // [status, statusText, flatHeaders]
  async head() {
    const head = await this.#next(() => host.fetchHead(this.#id));
    if (typeof head !== 'string') return head;
    this.end();
    throw new TypeError(head);
  }

  // The next bytes of the body, null at its end.
  async piece() {
    const piece = await this.#next(() => host.fetchBody(this.#id));
    if (piece === null || typeof piece === 'string') this.end();
    if (typeof piece === 'string') throw new TypeError(piece);
    return piece;
  }

  async #next(ask) {
    for (;;) {
      if (this.#aborted !== null) throw this.#aborted.reason;
      const answer = ask();
      if (answer !== undefined) return answer;
      await new Promise((resolve) => { this.#wake = resolve; });
    }
  }

  wake() {
    const resolve = this.#wake;
    this.#wake = null;
    resolve?.();
  }

  #abort(reason) {
    this.#aborted = { reason };
    this.cancel();
    this.wake();
  }

  // What is still to come of the answer is of no use.
  cancel() {
    host.cancelFetch(this.#id);
    this.end();
  }

  end() {
    const siblings = underWay.get(this.#request);
    siblings?.delete(this.#id);
    if (siblings?.size === 0) underWay.delete(this.#request);
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#signal = null;
  }
}

// The body of an answer, which the host takes from the wire under its credit scheme.
export class FetchedBody extends IncomingBody {
  #fetch;
  constructor(fetch) {
    super(0);
    this.#fetch = fetch;
  }

  async readAll() {
    const pieces = [];
    let length = 0;
    for (;;) {
      const piece = await this.#fetch.piece();
      if (piece === null) break;
      pieces.push(piece);
      length += piece.length;
    }
    if (pieces.length === 1) return pieces[0];
    const all = new Uint8Array(length);
    let offset = 0;
    for (const piece of pieces) {
      all.set(piece, offset);
      offset += piece.length;
    }
    return all;
  }

  stream() {
    const fetch = this.#fetch;
    return new ReadableStream({
      type: 'bytes',
      async pull(controller) {
        const piece = await fetch.piece();
        if (piece === null) {
          controller.close();
          controller.byobRequest?.respond(0);
        } else {
          controller.enqueue(piece);
        }
      },
      cancel() { fetch.cancel(); },
    }, { highWaterMark: 0 });
  }
}

function checkedUrl(url) {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError(`fetch: only http: and https: can be asked, not ${url.protocol}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('fetch: a URL with credentials in it is not allowed');
  }
  url.hash = '';
  return url;
}

// What is asked after a redirect, https://fetch.spec.whatwg.org/#http-redirect-fetch.
function redirected(asked, status, location) {
  const url = checkedUrl(new URL(location, asked.url.href));
  const isPlain = asked.method === 'GET' || asked.method === 'HEAD';
  const drops = status === 303 ? !isPlain
    : (status === 301 || status === 302) && asked.method === 'POST';
  const headers = [];
  for (let i = 0; i < asked.headers.length; i += 2) {
    const name = asked.headers[i];
    if (drops && kOfTheBody.has(name)) continue;
    if (url.origin !== asked.url.origin && kOfOneOrigin.has(name)) continue;
    headers.push(name, asked.headers[i + 1]);
  }
  return { method: drops ? 'GET' : asked.method, url, headers, body: drops ? null : asked.body };
}

function headerOf(flat, name) {
  for (let i = 0; i < flat.length; i += 2) if (flat[i] === name) return flat[i + 1];
  return null;
}

async function fetch(input, init = undefined) {
  if (arguments.length === 0) throw new TypeError('fetch: the URL is missing');
  const { method, url, headers, body, redirect, signal } = requestParts(new Request(input, init));
  if (signal?.aborted) throw signal.reason;
  if (redirect !== 'follow' && redirect !== 'manual' && redirect !== 'error') {
    throw new TypeError(`fetch: redirect is "follow", "manual" or "error", not "${redirect}"`);
  }
  let asked = { method, url: checkedUrl(new URL(url)), headers, body: null };
  if (!body.empty) asked.body = await body.takeAll();
  for (let redirects = 0; ; redirects += 1) {
    const { href } = asked.url;
    const one = new Fetch(asked.method, href, asked.headers, asked.body, signal);
    const [status, statusText, flat] = await one.head();
    const location = kRedirect.has(status) ? headerOf(flat, 'location') : null;
    if (location === null || redirect === 'manual') {
      const hasBody = asked.method !== 'HEAD' && !kNullBody.has(status);
      if (!hasBody) one.end();
      return incomingResponse({
        status, statusText, headers: flat, url: href, redirected: redirects > 0,
        source: hasBody ? new FetchedBody(one) : null,
      });
    }
    one.cancel();
    if (redirect === 'error') throw new TypeError(`fetch: ${href} redirects, to ${location}`);
    if (redirects === kRedirectsMax) throw new TypeError(`fetch: ${url} redirects without end`);
    asked = redirected(asked, status, location);
  }
}
expose('fetch', fetch);

// Called by the host: something has come that a request waits for, of its body or for its fetches.
export function onBody(request) {
  onRequestBody(request);
  const mine = underWay.get(request);
  if (mine === undefined) return;
  for (let id = host.fetchNews(request); id !== undefined; id = host.fetchNews(request)) {
    mine.get(id)?.wake();
  }
}

// The request is over, and with it all that it asked for.
export function forgetFetches(request) { underWay.delete(request); }
