import { DOMException } from './dom_exception.js';
import { Event, EventTarget } from './event.js';
import { expose, tag } from './globals.js';
import { setTimeout } from './timers.js';

const kKey = Symbol('only the runtime makes signals');
let abortSignal;

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason = undefined;
  #handler = null;
  #followers = [];

  constructor(key) {
    if (key !== kKey) throw new TypeError('Illegal constructor');
    super();
  }
  get aborted() { return this.#aborted; }
  get reason() { return this.#reason; }
  get onabort() { return this.#handler; }
  set onabort(handler) {
    if (this.#handler !== null) this.removeEventListener('abort', this.#handler);
    this.#handler = typeof handler === 'function' ? handler : null;
    if (this.#handler !== null) this.addEventListener('abort', this.#handler);
  }
  throwIfAborted() { if (this.#aborted) throw this.#reason; }

  static abort(reason) {
    const signal = new AbortSignal(kKey);
    abortSignal(signal, reason);
    return signal;
  }

  static timeout(milliseconds) {
    const signal = new AbortSignal(kKey);
    setTimeout(() => abortSignal(signal, new DOMException('The operation timed out.',
      'TimeoutError')), Number(milliseconds));
    return signal;
  }

  static any(signals) {
    const sources = [...signals];
    const signal = new AbortSignal(kKey);
    const aborted = sources.find((source) => source.aborted);
    if (aborted !== undefined) abortSignal(signal, aborted.reason);
    else for (const source of sources) source.#followers.push(signal);
    return signal;
  }

  static {
    abortSignal = (signal, reason) => {
      if (signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason === undefined
        ? new DOMException('The operation was aborted.', 'AbortError') : reason;
      signal.dispatchEvent(new Event('abort'));
      for (const follower of signal.#followers) abortSignal(follower, signal.#reason);
    };
  }
}
tag(AbortSignal, 'AbortSignal');

export class AbortController {
  #signal = new AbortSignal(kKey);
  get signal() { return this.#signal; }
  abort(reason) { abortSignal(this.#signal, reason); }
}
tag(AbortController, 'AbortController');

expose('AbortSignal', AbortSignal);
expose('AbortController', AbortController);
