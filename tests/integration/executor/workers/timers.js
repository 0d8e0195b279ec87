import { equal, ok, suite, throws } from './harness.js';

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export default suite({
  'timers run in order, with their arguments': async () => {
    const seen = [];
    setTimeout((...args) => seen.push(args), 5, 'a', 1);
    setTimeout(() => seen.push('b'), 1);
    setTimeout(() => seen.push('c'), 1);
    await pause(10);
    equal(seen, ['b', 'c', ['a', 1]]);
  },
  'a cleared timer does not run': async () => {
    let ran = false;
    clearTimeout(setTimeout(() => { ran = true; }, 1));
    clearTimeout(undefined);
    clearTimeout(123456);
    await pause(5);
    ok(!ran);
  },
  'intervals repeat until they are cleared': async () => {
    let count = 0;
    const id = setInterval(() => {
      count += 1;
      if (count === 3) clearInterval(id);
    }, 1);
    await pause(30);
    equal(count, 3);
  },
  'what is no function is refused': () => {
    throws(() => setTimeout('code'), 'TypeError');
    throws(() => queueMicrotask(1), 'TypeError');
  },
  'microtasks come before timers': async () => {
    const seen = [];
    setTimeout(() => seen.push('timer'), 0);
    queueMicrotask(() => seen.push('microtask'));
    await pause(2);
    equal(seen, ['microtask', 'timer']);
  },
  'the clock stands still while code runs': async () => {
    const before = [Date.now(), performance.now()];
    ok(before[0] >= 1795000000000, `the time is not the PoP's: ${before[0]}`);
    ok(before[0] < 1795000600000, `the time is not the PoP's: ${before[0]}`);
    let x = 0;
    for (let i = 0; i < 3e6; ++i) x += i;
    equal([Date.now(), performance.now()], before);
    await pause(20);
    ok(Date.now() >= before[0] + 19, 'the clock does not move on after a wait');
    ok(performance.now() > before[1]);
  },
  'there are not endlessly many timers': () => {
    const ids = [];
    try {
      throws(() => { for (;;) ids.push(setTimeout(() => {}, 100000)); }, 'Error');
    } finally {
      ids.forEach(clearTimeout);
    }
    ok(ids.length >= 1000);
  },
});
