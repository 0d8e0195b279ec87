// Sends back what it was sent. `/stream` answers with the body itself, piece by piece; every other path
// with the whole request as JSON.
export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/stream") {
      const type = request.headers.get("content-type") ?? "application/octet-stream";
      return new Response(request.body, { headers: { "content-type": type } });
    }
    const seen = {
      method: request.method,
      url: request.url,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: Object.fromEntries(request.headers),
      body: await request.text(),
      colo: request.cf?.colo,
      city: request.cf?.city,
    };
    return new Response(JSON.stringify(seen, null, 2) + "\n", {
      headers: { "content-type": "application/json" },
    });
  },
};
