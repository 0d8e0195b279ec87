// Adds two numbers in WebAssembly: /?a=2&b=40 answers 42.
import add from "./add.wasm";

const { exports } = new WebAssembly.Instance(add);

export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    const a = Number(searchParams.get("a"));
    const b = Number(searchParams.get("b"));
    if (!Number.isInteger(a) || !Number.isInteger(b)) {
      return new Response("a and b must be whole numbers\n", { status: 400 });
    }
    return new Response(`${exports.add(a, b)}\n`);
  },
};
