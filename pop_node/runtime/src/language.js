// The parts of the language that the runtime keeps its books with, taken before a worker can replace
// or delete them: a module that imports a name from here does not see what stands on the global object.

export const { ArrayBuffer, Error, Map, Promise, TypeError, Uint8Array } = globalThis;
export const { isArray } = Array;
export const { apply } = Reflect;

// A Map that works whatever has been done to Map.prototype.
export class Table extends Map {}
for (const name of ['get', 'set', 'has', 'delete', 'forEach', 'keys', 'size']) {
  Object.defineProperty(Table.prototype, name, Object.getOwnPropertyDescriptor(Map.prototype, name));
}

// For a promise whose rejection is nobody's business. Not promise.catch(), which may be anything.
export async function ignore(promise) {
  try {
    await promise;
  } catch {
    // As said.
  }
}
