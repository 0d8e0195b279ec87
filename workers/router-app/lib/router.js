// Finds the handler for a method and path. ":name" matches one part of a path and is handed over by name.
export class Router {
  #routes = [];

  get(path, handler) {
    return this.#add("GET", path, handler);
  }

  post(path, handler) {
    return this.#add("POST", path, handler);
  }

  async handle(request, env) {
    const { pathname } = new URL(request.url);
    let pathKnown = false;
    for (const { method, pattern, handler } of this.#routes) {
      const match = pattern.exec(pathname);
      if (!match) continue;
      pathKnown = true;
      if (method === request.method) return handler(request, env, match.groups ?? {});
    }
    return pathKnown
      ? new Response("method not allowed\n", { status: 405 })
      : new Response("not found\n", { status: 404 });
  }

  #add(method, path, handler) {
    const source = path.replace(/:(\w+)/g, "(?<$1>[^/]+)");
    this.#routes.push({ method, pattern: new RegExp(`^${source}$`), handler });
    return this;
  }
}
