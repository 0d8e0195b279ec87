// Everything that can go wrong, a path each.
let thrown = 0;
const ways = {
  '/first': () => { throw new RangeError(`thrown ${++thrown} times`); },
  '/second': async () => { await null; throw new Error(`rejected ${++thrown}`, { cause: thrown }); },
  '/throw': () => { throw { toString: () => `an object ${++thrown}` }; },
  '/null': () => { throw null; },
  '/symbol': () => { throw Symbol('thrown'); },
  '/string': () => 'not a Response',
  '/well': () => new Response('well'),
  '/late': () => new Response(new ReadableStream({
    async start(controller) {
      controller.enqueue(new Uint8Array([0x61, 0x62]));
      await new Promise((resolve) => { setTimeout(resolve, 2); });
      controller.error(new Error('in the middle'));
    },
  })),
  '/json': async (request) => Response.json(JSON.parse((await request.text()).slice(1))),
};
export default {
  fetch(request) {
    const way = ways[new URL(request.url).pathname];
    if (way !== undefined) return way(request);
    Promise.reject(new Error(`nobody handles ${++thrown}`));
    Promise.reject(new Error('handled at once')).catch(() => {});
    return new Promise(() => {});
  },
};
