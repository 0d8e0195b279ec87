// Puts a name on the global object the way web interfaces stand there: writable, not enumerable. A
// class gets that name, whatever the bundler has called it.
export function expose(name, value) {
  if (typeof value === 'function' && value.name !== name) {
    Object.defineProperty(value, 'name', { value: name, configurable: true });
  }
  Object.defineProperty(globalThis, name, {
    value, writable: true, enumerable: false, configurable: true,
  });
}

// Gives a class the name that Object.prototype.toString shows.
export function tag(type, name) {
  Object.defineProperty(type.prototype, Symbol.toStringTag, { value: name, configurable: true });
}
