import { expose, tag } from './globals.js';
import { format, inspect } from './inspect.js';

// The console writes to the request's log; the host bounds each line and their number.

const counts = new Map();
const timers = new Map();
let indent = '';

function write(level, text) {
  host.log(level, indent === '' ? text : indent + text.replaceAll('\n', `\n${indent}`));
}

function elapsed(label) {
  const start = timers.get(label);
  if (start === undefined) {
    write('warn', `Timer '${label}' does not exist`);
    return undefined;
  }
  return `${label}: ${(host.now() - start).toFixed(3)}ms`;
}

function stackHere() {
  const holder = {};
  Error.captureStackTrace(holder, stackHere);
  return String(holder.stack).split('\n').slice(2).join('\n');
}

const console = {
  debug(...args) { write('debug', format(args)); },
  log(...args) { write('log', format(args)); },
  info(...args) { write('info', format(args)); },
  warn(...args) { write('warn', format(args)); },
  error(...args) { write('error', format(args)); },
  dir(value, options) { write('log', inspect(value, options)); },
  dirxml(...args) { write('log', format(args)); },
  table(data) { write('log', inspect(data)); },
  trace(...args) { write('debug', `Trace: ${format(args)}\n${stackHere()}`); },
  assert(condition, ...args) {
    if (!condition) {
      write('error', args.length === 0 ? 'Assertion failed' : `Assertion failed: ${format(args)}`);
    }
  },
  count(label = 'default') {
    const value = (counts.get(String(label)) ?? 0) + 1;
    counts.set(String(label), value);
    write('log', `${label}: ${value}`);
  },
  countReset(label = 'default') { counts.delete(String(label)); },
  time(label = 'default') { timers.set(String(label), host.now()); },
  timeLog(label = 'default', ...args) {
    const text = elapsed(String(label));
    if (text !== undefined) write('log', args.length === 0 ? text : `${text} ${format(args)}`);
  },
  timeEnd(label = 'default') {
    const text = elapsed(String(label));
    if (text !== undefined) write('log', text);
    timers.delete(String(label));
  },
  group(...args) {
    if (args.length > 0) write('log', format(args));
    if (indent.length < 64) indent += '  ';
  },
  groupCollapsed(...args) { console.group(...args); },
  groupEnd() { indent = indent.slice(2); },
  clear() {},
};
tag({ prototype: console }, 'console');

expose('console', console);
