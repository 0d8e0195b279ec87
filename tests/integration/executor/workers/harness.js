// A test framework for workers: `export default suite({ 'a sentence': (request, env, ctx) => {…} })`.

export function equal(actual, expected) {
  const a = JSON.stringify(actual) ?? String(actual);
  const b = JSON.stringify(expected) ?? String(expected);
  if (a !== b) throw new Error(`got ${a}, expected ${b}`);
}

export function ok(condition, message = 'the condition does not hold') {
  if (!condition) throw new Error(message);
}

export async function rejects(promise, name) {
  try {
    await promise;
  } catch (error) {
    equal(error.name, name);
    return error;
  }
  throw new Error(`did not reject with ${name}`);
}

export function throws(action, name) {
  try {
    action();
  } catch (error) {
    equal(error.name, name);
    return error;
  }
  throw new Error(`did not throw ${name}`);
}

export function suite(tests) {
  return {
    async fetch(request, env, ctx) {
      const results = [];
      for (const [name, test] of Object.entries(tests)) {
        try {
          await test(request, env, ctx);
          results.push({ name, ok: true, message: '' });
        } catch (error) {
          results.push({ name, ok: false, message: String(error?.stack ?? error) });
        }
      }
      return Response.json(results);
    },
  };
}
