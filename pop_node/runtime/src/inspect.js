// Values as text, the way Node.js shows them: enough to read a log by.

const kMaxItems = 100;
const kMaxText = 16384;
const kMaxKeys = 60;
const kLineWidth = 76;

// console.log's arguments: %s %d %i %f %j %o %O %c %% in a first string, the rest joined by spaces.
export function format(args) {
  const parts = [];
  let rest = args;
  if (typeof args[0] === 'string' && args.length > 1 && args[0].includes('%')) {
    let next = 1;
    parts.push(args[0].replace(/%([sdifjoOc%])/g, (match, kind) => {
      if (kind === '%') return '%';
      if (next >= args.length) return match;
      const value = args[next++];
      switch (kind) {
        case 's': return typeof value === 'string' ? value : inspect(value, { depth: 0 });
        case 'd': return typeof value === 'bigint' ? `${value}n` : String(Number(value));
        case 'i': return typeof value === 'bigint' ? `${value}n` : String(parseInt(value, 10));
        case 'f': return String(parseFloat(value));
        case 'j': return safely(() => JSON.stringify(value)) ?? '[Circular]';
        case 'c': return '';
        default: return inspect(value);
      }
    }));
    rest = args.slice(next);
  }
  for (const value of rest) parts.push(typeof value === 'string' ? value : inspect(value));
  return parts.join(' ');
}

export function inspect(value, options = undefined) {
  const depth = options?.depth === null ? Infinity : options?.depth ?? 2;
  const text = safely(() => show(value, { depth, seen: [], budget: { left: 2000 } }, 0));
  return (text ?? '[uninspectable value]').slice(0, kMaxText);
}

function safely(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}

function show(value, state, level) {
  state.budget.left -= 1;
  if (state.budget.left < 0) return '…';
  switch (typeof value) {
    case 'string': return quote(value);
    case 'number': return Object.is(value, -0) ? '-0' : String(value);
    case 'bigint': return `${value}n`;
    case 'symbol': return value.toString();
    case 'object': return value === null ? 'null' : showObject(value, state, level);
    case 'function': return showFunction(value, state, level);
    default: return String(value);
  }
}

function quote(text) {
  const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes('`') ? '`'
    : "'";
  const body = text.slice(0, kMaxText).replace(/[\\\n\r\t\b\f\v\0]/g, (character) => ({
    '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\b': '\\b', '\f': '\\f', '\v': '\\v',
    '\0': '\\x00',
  }[character]));
  return mark + (mark === "'" ? body.replaceAll("'", "\\'") : body) + mark;
}

function showFunction(value, state, level) {
  const isClass = safely(() => /^class\b/.test(Function.prototype.toString.call(value)));
  const name = safely(() => value.name) || '(anonymous)';
  const head = isClass ? `[class ${name}]`
    : `[${value.constructor?.name ?? 'Function'}${name === '(anonymous)' ? ' ' : ': '}${name}]`;
  const keys = Object.keys(value);
  return keys.length === 0 ? head : showKeys(value, keys, `${head} `, state, level);
}

function showObject(value, state, level) {
  if (state.seen.includes(value)) return '[Circular *1]';
  if (value instanceof Error) return showError(value, state, level);
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  }
  if (value instanceof RegExp) return RegExp.prototype.toString.call(value);
  const name = constructorName(value);
  if (level > state.depth) return Array.isArray(value) ? '[Array]' : `[${name || 'Object'}]`;
  const inner = { ...state, seen: [...state.seen, value] };
  if (Array.isArray(value)) return showArray(value, inner, level, name);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return showArray(value, inner, level, name);
  }
  if (value instanceof ArrayBuffer) {
    return `ArrayBuffer { byteLength: ${value.byteLength} }`;
  }
  if (value instanceof Map) {
    return wrap([...limited(value.entries())].map(([key, item]) =>
      `${show(key, inner, level + 1)} => ${show(item, inner, level + 1)}`),
    `Map(${value.size}) {`, '}', level);
  }
  if (value instanceof Set) {
    return wrap([...limited(value.values())].map((item) => show(item, inner, level + 1)),
      `Set(${value.size}) {`, '}', level);
  }
  if (value instanceof Promise) return 'Promise { … }';
  if (value instanceof WeakMap || value instanceof WeakSet) return `${name} { <items unknown> }`;
  for (const type of [Number, String, Boolean]) {
    if (value instanceof type) return `[${type.name}: ${show(value.valueOf(), inner, level)}]`;
  }
  if (value instanceof URL) return show(value.href, inner, level);
  if (value instanceof Headers || value instanceof URLSearchParams) {
    return wrap([...limited(value.entries())].map(([key, item]) =>
      `${quote(key)} => ${quote(item)}`), `${name} {`, '}', level);
  }
  const prefix = name === 'Object' ? '' : name === '' ? '[Object: null prototype] ' : `${name} `;
  return showKeys(value, keysOf(value), prefix, inner, level);
}

function constructorName(value) {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null) return '';
  const type = safely(() => prototype.constructor);
  return typeof type === 'function' ? type.name : 'Object';
}

// Own properties; for the web's classes, whose state is private, the getters of the class.
function keysOf(value) {
  const keys = Reflect.ownKeys(value).filter((key) =>
    Object.getOwnPropertyDescriptor(value, key)?.enumerable);
  if (keys.length > 0 || !(value instanceof Request || value instanceof Response)) return keys;
  return value instanceof Request ? ['method', 'url', 'headers', 'cf', 'bodyUsed']
    : ['status', 'statusText', 'ok', 'headers', 'bodyUsed'];
}

function showKeys(value, keys, prefix, state, level) {
  const inner = state.seen.includes(value) ? state : { ...state, seen: [...state.seen, value] };
  const parts = keys.slice(0, kMaxKeys).map((key) => {
    const own = Object.getOwnPropertyDescriptor(value, key);
    const shown = own?.get !== undefined ? (own.set === undefined ? '[Getter]' : '[Getter/Setter]')
      : own?.set !== undefined ? '[Setter]' : show(value[key], inner, level + 1);
    return `${keyText(key)}: ${shown}`;
  });
  if (keys.length > kMaxKeys) parts.push(`… ${keys.length - kMaxKeys} more`);
  return wrap(parts, `${prefix}{`, '}', level);
}

function keyText(key) {
  if (typeof key === 'symbol') return `[${key.toString()}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : quote(key);
}

function showArray(value, state, level, name) {
  const parts = [];
  for (let i = 0; i < Math.min(value.length, kMaxItems); ++i) {
    parts.push(i in value ? show(value[i], state, level + 1) : '<empty item>');
  }
  if (value.length > kMaxItems) parts.push(`… ${value.length - kMaxItems} more items`);
  const head = name === 'Array' ? '[' : `${name}(${value.length}) [`;
  return wrap(parts, head, ']', level);
}

function showError(error, state, level) {
  const stack = safely(() => error.stack);
  let text = typeof stack === 'string' && stack !== '' ? stack
    : `[${safely(() => String(error)) ?? 'Error'}]`;
  const keys = Object.keys(error);
  const inner = { ...state, seen: [...state.seen, error] };
  if (keys.length > 0 && level <= state.depth) {
    text += ` ${showKeys(error, keys, '', inner, level)}`;
  }
  if (error.cause !== undefined && !Object.keys(error).includes('cause')) {
    text += `\n  [cause]: ${show(error.cause, inner, level + 1)}`;
  }
  return text;
}

function* limited(items) {
  let count = 0;
  for (const item of items) {
    if (count++ >= kMaxItems) return;
    yield item;
  }
}

function wrap(parts, open, close, level) {
  if (parts.length === 0) return open + close;
  const line = `${open} ${parts.join(', ')} ${close}`;
  if (line.length + level * 2 <= kLineWidth && !line.includes('\n')) return line;
  const pad = '  '.repeat(level + 1);
  return `${open}\n${pad}${parts.join(`,\n${pad}`)}\n${'  '.repeat(level)}${close}`;
}
