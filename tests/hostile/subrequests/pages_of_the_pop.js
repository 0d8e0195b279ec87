// The PoP's own pages, which tell of all workers.
import { attack } from './attack.js';

export default attack(async (request) => {
  if (new URL(request.url).pathname !== '/') return new Response('a page of its own');
  const reached = [];
  for (const host of [new URL(request.url).host, 'neighbour.example', 'nobody.example']) {
    for (const path of ['/__isopop/metrics', '/__isopop/../__isopop/metrics', '//__isopop/metrics',
      '/__isopop/healthz', '/%5F%5Fisopop/metrics']) {
      const text = await fetch(`http://${host}${path}`, { method: 'GET' })
        .then((answer) => answer.text(), () => '');
      if (text.includes('isopop_pop_') || text.startsWith('ok')) reached.push(host + path);
    }
  }
  return new Response(reached.length === 0 ? 'whole' : `reached ${reached}`);
});
