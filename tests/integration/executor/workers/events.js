import { equal, ok, suite, throws } from './harness.js';

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export default suite({
  'listeners are called once each, in order': () => {
    const seen = [];
    const target = new EventTarget();
    const listener = (event) => seen.push(event.type);
    target.addEventListener('a', listener);
    target.addEventListener('a', listener);
    target.addEventListener('a', { handleEvent() { seen.push('object'); } });
    target.addEventListener('a', () => seen.push('once'), { once: true });
    target.dispatchEvent(new Event('a'));
    target.removeEventListener('a', listener);
    target.dispatchEvent(new Event('a'));
    equal(seen, ['a', 'object', 'once', 'object']);
  },
  'a listener can stop the rest and prevent the default': () => {
    const target = new EventTarget();
    target.addEventListener('a', (event) => {
      event.preventDefault();
      event.stopImmediatePropagation();
    });
    target.addEventListener('a', () => { throw new Error('not stopped'); });
    ok(!target.dispatchEvent(new CustomEvent('a', { cancelable: true, detail: 1 })));
    ok(target.dispatchEvent(new Event('b')));
    equal(new CustomEvent('c', { detail: { x: 1 } }).detail, { x: 1 });
  },
  'an error in a listener does not reach the others': () => {
    let reached = false;
    const target = new EventTarget();
    target.addEventListener('a', () => { throw new Error('logged'); });
    target.addEventListener('a', () => { reached = true; });
    target.dispatchEvent(new Event('a'));
    ok(reached);
  },
  'AbortController': () => {
    const controller = new AbortController();
    const seen = [];
    controller.signal.addEventListener('abort', () => seen.push('listener'));
    controller.signal.onabort = () => seen.push('handler');
    controller.abort();
    controller.abort('again');
    equal(seen, ['listener', 'handler']);
    equal(controller.signal.reason.name, 'AbortError');
    throws(() => controller.signal.throwIfAborted(), 'AbortError');
    throws(() => new AbortSignal(), 'TypeError');
  },
  'signals from elsewhere': async () => {
    ok(AbortSignal.abort('x').aborted);
    const controller = new AbortController();
    const any = AbortSignal.any([controller.signal, new AbortController().signal]);
    controller.abort('first');
    equal([any.aborted, any.reason], [true, 'first']);
    const late = AbortSignal.timeout(1);
    await pause(10);
    equal(late.reason.name, 'TimeoutError');
  },
});
