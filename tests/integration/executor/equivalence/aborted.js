// What a handler sees of a client that goes away.
let aborted = 0;
export default {
  async fetch(request) {
    request.signal.addEventListener('abort', () => {
      aborted += 1;
      console.log('aborted', aborted, request.signal.reason.name);
    });
    const { pathname } = new URL(request.url);
    if (pathname === '/abort') {
      try {
        await request.text();
      } catch (error) {
        console.log('the body broke off', error.name);
      }
    }
    if (pathname === '/wait') await new Promise((resolve) => { setTimeout(resolve, 600000); });
    return new Response(`aborted so far: ${aborted}`);
  },
};
