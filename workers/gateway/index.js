// One page made of two other workers' answers, asked at the same time.
const PARTS = ["hello", "wasm-add"];

async function part(name, request) {
  const answer = await fetch(`http://${name}.isopop.test/`, { signal: request.signal });
  return `${name}: ${answer.status} ${(await answer.text()).trimEnd()}\n`;
}

export default {
  async fetch(request) {
    const parts = await Promise.all(PARTS.map((name) =>
      part(name, request).catch((error) => `${name}: ${error.message}\n`)));
    return new Response(parts.join(""), {
      headers: { "content-type": "text/plain; charset=utf-8" },
    });
  },
};
