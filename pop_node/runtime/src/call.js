import { bodyChunk, forgetBody } from './body.js';
import { DOMException } from './dom_exception.js';
import { forgetFetches } from './fetch.js';
import { expose, tag } from './globals.js';
import { ignore, Promise, Table, TypeError, Uint8Array } from './language.js';
import { abortRequest, incomingRequest } from './request.js';
import { reportUncaught } from './report.js';
import { responseParts } from './response.js';

// One request on its way through the worker. It is over, and the host is told so, when the handler's
// response has been handed over completely and everything given to waitUntil() has settled.

const calls = new Table();  // id -> Call, of the requests in flight

class Call {
  id;
  request = null;
  pending = 1;            // the response itself, and each waitUntil()
  credit = null;          // what to call when the peer can take more of the body
  reader = null;          // of the body while it is being sent

  constructor(id) { this.id = id; }

  settle() {
    this.pending -= 1;
    if (this.pending === 0 && calls.delete(this.id)) {
      forgetFetches(this.id);
      host.finish(this.id);
    }
  }

  // Over before its time; the host knows already.
  drop(reason) {
    calls.delete(this.id);
    forgetBody(this.id);
    forgetFetches(this.id);
    if (this.reader !== null) ignore(this.reader.cancel(reason));
    if (this.request !== null) abortRequest(this.request, reason);
  }

  fail(error) {
    if (!calls.has(this.id)) return;
    calls.delete(this.id);
    forgetFetches(this.id);
    host.fail(this.id, error);
  }
}

class ExecutionContext {
  #call;
  constructor(call) {
    if (!(call instanceof Call)) throw new TypeError('Illegal constructor');
    this.#call = call;
  }
  waitUntil(promise) {
    const call = this.#call;
    call.pending += 1;
    settleAfter(call, promise);
  }
  // There is no origin behind the worker that an exception could be passed through to.
  passThroughOnException() {}
}
tag(ExecutionContext, 'ExecutionContext');
expose('ExecutionContext', ExecutionContext);

async function settleAfter(call, promise) {
  try {
    await promise;
  } catch (error) {
    reportUncaught(error);
  }
  call.settle();
}

// Called by the host for each request. `headers` are flat: [name, value, name, value, …].
export function dispatch(handler, env, id, method, url, headers, hasBody, protocol, colo,
  placeKnown, country, city, latitude, longitude) {
  const call = new Call(id);
  calls.set(id, call);
  try {
    call.request = incomingRequest({
      id, method, url, headers, hasBody, protocol, colo, placeKnown, country, city, latitude,
      longitude,
    });
    const result = handler.fetch(call.request, env, new ExecutionContext(call));
    const ready = responseParts(result);
    if (ready !== null) respond(call, ready);
    else respondLater(call, result);
  } catch (error) {
    call.fail(error);
  }
}

async function respondLater(call, promise) {
  try {
    const ready = responseParts(await promise);
    if (ready === null) throw new TypeError('the fetch handler did not return a Response');
    respond(call, ready);
  } catch (error) {
    call.fail(error);
  }
}

function respond(call, { status, statusText, headers, body }) {
  if (!calls.has(call.id)) return;
  if (status === 0) {
    call.fail(new TypeError('the fetch handler returned Response.error()'));
    return;
  }
  if (body.used || body.stream?.locked) {
    call.fail(new TypeError('Body has already been used. It can only be used once.'));
    return;
  }
  const isStream = body.stream !== null || (typeof body.source === 'object'
    && body.source !== null && !(body.source instanceof Uint8Array));
  if (!isStream) {
    body.taken = body.source !== null;
    if (host.respond(call.id, status, statusText, headers, body.source, true)) call.settle();
    else call.credit = () => call.settle();
    return;
  }
  host.respond(call.id, status, statusText, headers, null, false);
  sendStream(call, body.asStream());
}

async function sendStream(call, stream) {
  try {
    await sendPieces(call, stream);
    call.settle();
  } catch (error) {
    call.fail(error);
  }
}

async function sendPieces(call, stream) {
  call.reader = stream.getReader();
  for (;;) {
    const { value, done } = await call.reader.read();
    if (!calls.has(call.id)) return;
    if (done) break;
    let bytes;
    try {
      bytes = bodyChunk(value);
    } catch (error) {
      ignore(call.reader.cancel(error));
      throw error;
    }
    if (!host.writeBody(call.id, bytes)) {
      await new Promise((resolve) => { call.credit = resolve; });
      if (!calls.has(call.id)) return;
    }
  }
  if (!host.endBody(call.id)) await new Promise((resolve) => { call.credit = resolve; });
}

// Called by the host: everything that was handed to it for this body has been sent.
export function onCredit(id) {
  const call = calls.get(id);
  if (call === undefined) return;
  const { credit } = call;
  call.credit = null;
  credit?.();
}

// Called by the host: the client is gone, the deadline has passed, or a limit was reached.
export function onCancel(id) {
  calls.get(id)?.drop(new DOMException('The client has disconnected.', 'AbortError'));
}
