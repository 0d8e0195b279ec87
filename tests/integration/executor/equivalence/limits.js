// Breaches, between requests that answer.
let requests = 0;
const paths = {
  '/first'() { for (;;) {} },
  '/symbol'() { return (function deeper() { return deeper() + 1; })(); },
  '/late'() {
    const hoard = [];
    for (;;) hoard.push(new Array(1000).fill(hoard));
  },
};
export default {
  fetch(request) {
    requests += 1;
    return paths[new URL(request.url).pathname]?.() ?? new Response(`request ${requests}`);
  },
};
