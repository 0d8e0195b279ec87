// The order of timers and microtasks, with some that are never reached.
let order = [];
let round = 0;
export default {
  async fetch(request, env, ctx) {
    round += 1;
    const mark = (name) => order.push(name);
    setTimeout(mark, 3, 'three');
    setTimeout(mark, 1, 'one');
    queueMicrotask(() => mark('microtask'));
    Promise.resolve().then(() => mark('promise'));
    const ticks = [];
    await new Promise((resolve) => {
      const interval = setInterval(() => {
        ticks.push(ticks.length);
        if (ticks.length === 3) {
          clearInterval(interval);
          resolve();
        }
      }, 2);
    });
    setTimeout(mark, 60000, 'never');
    ctx.waitUntil(new Promise((resolve) => { setTimeout(resolve, 1); }));
    await new Promise((resolve) => { setTimeout(resolve, 5); });
    return Response.json({ order, ticks, round });
  },
};
