// A small site of several modules: a router, pages, a catalogue and a template.
import { Router } from "./lib/router.js";
import { escapeHtml, fill } from "./lib/template.js";
import products from "./products.json";
import page from "./pages/page.html";

const html = { "content-type": "text/html; charset=utf-8" };

const router = new Router()
  .get("/", (_request, env) => {
    const items = products.map((it) => `<li><a href="/products/${it.id}">${escapeHtml(it.name)}</a></li>`);
    const title = env.SHOP_NAME ?? "Shop";
    return new Response(fill(page, { title, body: `<ul>${items.join("")}</ul>` }), { headers: html });
  })
  .get("/products/:id", (_request, _env, { id }) => {
    const product = products.find((it) => it.id === id);
    if (!product) return new Response("no such product\n", { status: 404 });
    const body = `<p>${escapeHtml(product.name)}: ${(product.cents / 100).toFixed(2)} EUR</p>`;
    return new Response(fill(page, { title: product.name, body }), { headers: html });
  })
  .get("/api/products", () => Response.json(products))
  .post("/api/quote", async (request) => {
    const { ids } = await request.json();
    const cents = products.filter((it) => ids.includes(it.id)).reduce((sum, it) => sum + it.cents, 0);
    return Response.json({ cents });
  });

export default {
  async fetch(request, env) {
    try {
      return await router.handle(request, env);
    } catch (error) {
      if (error instanceof SyntaxError) return new Response("the body is not JSON\n", { status: 400 });
      throw error;
    }
  },
};
