import { DOMException } from './dom_exception.js';
import { expose, tag } from './globals.js';
import { reportUncaught } from './report.js';

// Event and EventTarget without a tree: a worker's events have one target and no capture phase.

let setTarget;
let stopped;
let markPassive;

export class Event {
  #type;
  #bubbles;
  #cancelable;
  #composed;
  #target = null;
  #prevented = false;
  #stopped = false;
  #passive = false;
  #timeStamp = performance.now();

  constructor(type, options = {}) {
    if (arguments.length === 0) throw new TypeError('Event: the type is missing');
    this.#type = String(type);
    this.#bubbles = Boolean(options?.bubbles);
    this.#cancelable = Boolean(options?.cancelable);
    this.#composed = Boolean(options?.composed);
  }
  get type() { return this.#type; }
  get target() { return this.#target; }
  get currentTarget() { return this.#target; }
  get srcElement() { return this.#target; }
  get eventPhase() { return this.#target === null ? 0 : 2; }
  get bubbles() { return this.#bubbles; }
  get cancelable() { return this.#cancelable; }
  get composed() { return this.#composed; }
  get defaultPrevented() { return this.#prevented; }
  get returnValue() { return !this.#prevented; }
  get isTrusted() { return false; }
  get timeStamp() { return this.#timeStamp; }
  get cancelBubble() { return false; }
  composedPath() { return this.#target === null ? [] : [this.#target]; }
  preventDefault() { if (this.#cancelable && !this.#passive) this.#prevented = true; }
  stopPropagation() {}
  stopImmediatePropagation() { this.#stopped = true; }

  static {
    setTarget = (event, target) => { event.#target = target; };
    stopped = (event) => event.#stopped;
    markPassive = (event, passive) => { event.#passive = passive; };
  }
}
Object.assign(Event, { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 });
tag(Event, 'Event');

export class CustomEvent extends Event {
  #detail;
  constructor(type, options = {}) {
    super(type, options);
    this.#detail = options?.detail ?? null;
  }
  get detail() { return this.#detail; }
}
tag(CustomEvent, 'CustomEvent');

export class EventTarget {
  #listeners = new Map();

  addEventListener(type, listener, options) {
    if (listener === null || listener === undefined) return;
    if (typeof listener !== 'function' && typeof listener !== 'object') {
      throw new TypeError('addEventListener: the listener must be a function or an object');
    }
    const settings = typeof options === 'boolean' ? { capture: options } : options ?? {};
    const { signal } = settings;
    if (signal?.aborted) return;
    const list = this.#listeners.get(String(type)) ?? [];
    const capture = Boolean(settings.capture);
    if (list.some((entry) => entry.listener === listener && entry.capture === capture)) return;
    const entry = {
      listener, capture, once: Boolean(settings.once), passive: Boolean(settings.passive),
      removed: false,
    };
    this.#listeners.set(String(type), [...list, entry]);
    signal?.addEventListener('abort', () => this.removeEventListener(type, listener, settings),
      { once: true });
  }

  removeEventListener(type, listener, options) {
    const capture = typeof options === 'boolean' ? options : Boolean(options?.capture);
    const list = this.#listeners.get(String(type));
    if (list === undefined) return;
    this.#listeners.set(String(type), list.filter((entry) => {
      if (entry.listener !== listener || entry.capture !== capture) return true;
      entry.removed = true;
      return false;
    }));
  }

  dispatchEvent(event) {
    if (!(event instanceof Event)) throw new TypeError('dispatchEvent: not an Event');
    if (event.target !== null && event.eventPhase !== 2) {
      throw new DOMException('the event is being dispatched', 'InvalidStateError');
    }
    setTarget(event, this);
    for (const entry of this.#listeners.get(event.type) ?? []) {
      if (entry.removed) continue;
      if (entry.once) this.removeEventListener(event.type, entry.listener, entry);
      markPassive(event, entry.passive);
      try {
        if (typeof entry.listener === 'function') entry.listener.call(this, event);
        else entry.listener.handleEvent(event);
      } catch (error) {
        reportUncaught(error);
      }
      markPassive(event, false);
      if (stopped(event)) break;
    }
    return !event.defaultPrevented;
  }
}
tag(EventTarget, 'EventTarget');

expose('Event', Event);
expose('CustomEvent', CustomEvent);
expose('EventTarget', EventTarget);
