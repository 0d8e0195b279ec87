// Work after the answer, which is done when it is done, and fails when it fails.
const done = [];
export default {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    ctx.waitUntil((async () => {
      await new Promise((resolve) => { setTimeout(resolve, 2); });
      done.push(pathname);
      console.log('done', done);
    })());
    ctx.waitUntil(Promise.reject(new Error(`not done: ${pathname}`)));
    ctx.waitUntil({ then(resolve) { resolve('thenable'); } });
    ctx.waitUntil(undefined);
    env.left = (env.left ?? 0) + 1;
    return new Response(`${pathname} ${env.left} ${done.length}`);
  },
};
