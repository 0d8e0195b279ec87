// What the hostile workers share.

// A worker that attacks on every path but /well, where it answers as any other worker would.
export function attack(run) {
  return {
    fetch(request, env, ctx) {
      return request.url.endsWith('/well') ? new Response('well') : run(request, env, ctx);
    },
  };
}

// A worker that tells what it finds of earlier requests, and then leaves something for the next one.
// `look` returns what it found, or nothing. The answer is made before anything is broken.
export function leaving({ look, leave }) {
  return {
    async fetch(request, env, ctx) {
      const found = await look(request, env, ctx);
      const answer = new Response(found ? `found ${String(found)}` : 'clean');
      await leave(request, env, ctx);
      return answer;
    },
  };
}
