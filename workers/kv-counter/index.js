// Counts what it is told to in a KV namespace:
//
//   popctl kv namespace create counters
//   popctl deploy workers/kv-counter --wait
//   curl -X POST http://kv-counter.isopop.test/apples     one more
//   curl http://kv-counter.isopop.test/apples             how many
//   curl http://kv-counter.isopop.test/                   all of them
//
// KV has no increment: two PoPs that count the same thing at the same time may count it once. What
// must be exact needs one place that decides; see docs/kv.md.

async function count(counters, name) {
  const counted = Number(await counters.get(name) ?? 0) + 1;
  await counters.put(name, String(counted), { metadata: { at: new Date().toISOString() } });
  return counted;
}

export default {
  async fetch(request, env) {
    const name = decodeURIComponent(new URL(request.url).pathname.slice(1));
    if (name === '') {
      const { keys, list_complete: complete } = await env.COUNTERS.list();
      return Response.json({ counters: keys, complete });
    }
    if (request.method === 'POST') {
      return Response.json({ name, count: await count(env.COUNTERS, name) });
    }
    if (request.method === 'DELETE') {
      await env.COUNTERS.delete(name);
      return new Response(null, { status: 204 });
    }
    const { value, metadata } = await env.COUNTERS.getWithMetadata(name);
    if (value === null) return Response.json({ error: 'never counted' }, { status: 404 });
    return Response.json({ name, count: Number(value), last: metadata.at });
  },
};
