import { equal, suite } from './harness.js';

// What the JavaScript itself must bring, in the V8 that is used.
export default suite({
  'async iteration, generators and private fields': async () => {
    class Counter {
      #n = 0;
      static { this.kind = 'counter'; }
      async* take(count) { while (this.#n < count) yield this.#n++; }
    }
    const seen = [];
    for await (const n of new Counter().take(3)) seen.push(n);
    equal([seen, Counter.kind], [[0, 1, 2], 'counter']);
  },
  'promise combinators': async () => {
    const slow = new Promise((resolve) => { setTimeout(resolve, 5, 'slow'); });
    equal(await Promise.race([slow, Promise.resolve('fast')]), 'fast');
    equal(await Promise.any([Promise.reject(new Error('x')), slow]), 'slow');
    equal((await Promise.allSettled([Promise.reject(new Error('x'))]))[0].status, 'rejected');
  },
  'Intl knows places': () => {
    equal(new Intl.NumberFormat('de-DE').format(1234.5), '1.234,5');
    equal('ä'.localeCompare('z', 'sv') > 0, true);
  },
});
