// Bodies in every form, small and large, there and back.
const seen = [];
function digest(bytes) {
  let hash = 0x811C9DC5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16);
}
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const bytes = new Uint8Array(await request.arrayBuffer());
    seen.push(digest(bytes));
    if (pathname === '/first') return new Response('x'.repeat(1 << 20));
    if (pathname === '/second') return new Response(new Uint8Array(300001).fill(0x79));
    if (pathname === '/stream') return new Response(bytes, { status: 202, statusText: 'Taken' });
    return Response.json({ length: bytes.length, seen, used: request.bodyUsed });
  },
};
