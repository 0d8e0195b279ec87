// Asks other workers, one after the other and at the same time, and gives some up.
const cache = new Map();
export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    const first = await (await fetch(`http://one.example${pathname}`)).text();
    const others = await Promise.all(['b', 'c', 'd'].map(async (name) => {
      const answer = await fetch(`http://${name}.example/`, { method: 'POST', body: first });
      return `${answer.status} ${await answer.text()}`;
    }));
    const controller = new AbortController();
    const given_up = fetch('http://late.example/', { signal: controller.signal })
      .then(() => 'answered', (error) => error.name);
    controller.abort();
    ctx.waitUntil(fetch('http://after.example/'));
    cache.set(pathname, others);
    return Response.json({ first, others, kept: cache.size, given_up: await given_up });
  },
};
