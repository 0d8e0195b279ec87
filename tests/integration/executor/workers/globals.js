import { equal, ok, rejects, suite, throws } from './harness.js';

export default suite({
  'code cannot be made of strings': async () => {
    throws(() => eval('1'), 'EvalError');
    throws(() => new Function('return 1'), 'EvalError');
    throws(() => (async () => {}).constructor('return 1'), 'EvalError');
    throws(() => setTimeout('1'), 'TypeError');
    const wasm = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
    throws(() => new WebAssembly.Module(wasm), 'CompileError');
    await rejects(WebAssembly.compile(wasm), 'CompileError');
    await rejects(WebAssembly.instantiate(wasm), 'CompileError');
  },
  'there is no shared memory': () => {
    equal([typeof SharedArrayBuffer, typeof Atomics], ['undefined', 'undefined']);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    ok(memory.buffer instanceof ArrayBuffer, 'wasm gives shared memory');
  },
  'nothing of the host is to be found': () => {
    for (const name of ['host', 'runtime', 'process', 'require', 'module', 'Deno', 'global']) {
      equal([name, typeof globalThis[name]], [name, 'undefined']);
    }
  },
  'classes have their names': () => {
    for (const name of ['Request', 'Response', 'Headers', 'URL', 'URLSearchParams', 'TextEncoder',
      'TextDecoder', 'ReadableStream', 'WritableStream', 'TransformStream', 'Event', 'EventTarget',
      'AbortController', 'AbortSignal', 'DOMException', 'ExecutionContext']) {
      equal(globalThis[name].name, name);
      ok(!Object.keys(globalThis).includes(name), `${name} is enumerable`);
    }
    equal(setTimeout.name, 'setTimeout');
  },
  'self and navigator': () => {
    ok(self === globalThis);
    equal(navigator.userAgent, 'Isopop');
  },
  'random values': () => {
    const a = crypto.getRandomValues(new Uint8Array(16));
    const b = crypto.getRandomValues(new Uint8Array(16));
    ok(a.join() !== b.join());
    ok(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
      .test(crypto.randomUUID()));
    ok(crypto.randomUUID() !== crypto.randomUUID());
    throws(() => crypto.getRandomValues(new Float32Array(1)), 'TypeMismatchError');
    throws(() => crypto.getRandomValues(new Uint8Array(65537)), 'QuotaExceededError');
    const part = new Uint8Array(8);
    crypto.getRandomValues(part.subarray(0, 0));
    equal([...part], [0, 0, 0, 0, 0, 0, 0, 0]);
  },
  'structuredClone copies deeply': () => {
    const value = { date: new Date(5), map: new Map([[1, new Set([2])]]), big: 3n, re: /x/g };
    value.self = value;
    const copy = structuredClone(value);
    ok(copy !== value && copy.self === copy);
    equal([copy.date.getTime(), copy.map.get(1).has(2), copy.big === 3n, copy.re.flags],
      [5, true, true, 'g']);
    equal(throws(() => structuredClone(() => {}), 'DataCloneError').code, 25);
    throws(() => structuredClone(Symbol('s')), 'DataCloneError');
  },
  'structuredClone transfers buffers': () => {
    const buffer = new Uint8Array([1, 2, 3]).buffer;
    const copy = structuredClone({ buffer }, { transfer: [buffer] });
    equal([buffer.byteLength, [...new Uint8Array(copy.buffer)]], [0, [1, 2, 3]]);
    throws(() => structuredClone(1, { transfer: [{}] }), 'DataCloneError');
    const twice = new ArrayBuffer(1);
    throws(() => structuredClone(1, { transfer: [twice, twice] }), 'DataCloneError');
    throws(() => structuredClone(1, { transfer: [buffer] }), 'DataCloneError');
  },
  'DOMException': () => {
    const error = new DOMException('m', 'AbortError');
    equal([error.name, error.message, error.code, DOMException.ABORT_ERR], ['AbortError', 'm', 20,
      20]);
    ok(error instanceof Error);
  },
});
