import { expose } from './globals.js';
import { apply, Table, TypeError } from './language.js';
import { reportUncaught } from './report.js';

// The host owns the clock and the order of timers; here is what they call.
const callbacks = new Table();

function start(callback, delay, repeat, args) {
  if (typeof callback !== 'function') throw new TypeError('the timer callback must be a function');
  const id = host.startTimer(Number(delay) || 0, repeat);
  callbacks.set(id, { callback, args, repeat });
  return id;
}

function stop(id) {
  const number = Number(id);
  if (callbacks.delete(number)) host.stopTimer(number);
}

export function setTimeout(callback, delay = 0, ...args) {
  return start(callback, delay, false, args);
}
function setInterval(callback, delay = 0, ...args) { return start(callback, delay, true, args); }
function clearTimeout(id) { stop(id); }
function clearInterval(id) { stop(id); }

function queueMicrotask(callback) {
  if (typeof callback !== 'function') throw new TypeError('queueMicrotask: not a function');
  host.queueMicrotask(() => {
    try {
      callback();
    } catch (error) {
      reportUncaught(error);
    }
  });
}

// Called by the host when a timer is due.
export function onTimer(id) {
  const entry = callbacks.get(id);
  if (entry === undefined) return;
  if (!entry.repeat) callbacks.delete(id);
  try {
    apply(entry.callback, undefined, entry.args);
  } catch (error) {
    reportUncaught(error);
  }
}

// Called by the host when a request that is over takes its timers with it.
export function forgetTimer(id) { callbacks.delete(id); }

expose('setTimeout', setTimeout);
expose('setInterval', setInterval);
expose('clearTimeout', clearTimeout);
expose('clearInterval', clearInterval);
expose('queueMicrotask', queueMicrotask);
