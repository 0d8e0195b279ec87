// Greets the client and says which PoP it reached.
export default {
  async fetch(request, env) {
    const { colo, city } = request.cf ?? {};
    const greeting = env.GREETING ?? "Hello";
    return new Response(`${greeting} from ${colo ?? "somewhere"} to ${city ?? "you"}!\n`, {
      headers: { "content-type": "text/plain; charset=utf-8" },
    });
  },
};
