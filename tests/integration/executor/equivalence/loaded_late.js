// A module that is imported while a request runs.
let imported = 0;
export default {
  async fetch() {
    const drawer = await import('./drawer.js');
    imported += 1;
    const before = drawer.content;
    drawer.fill(`filled ${imported} times`);
    const missing = await import('./missing.js').catch((error) => error.name);
    return Response.json({ before, after: drawer.content, imported, missing });
  },
};
