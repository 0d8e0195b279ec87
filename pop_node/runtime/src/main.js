// The parts list of the runtime, in the order in which they need each other. What is exported here is
// what the host calls; everything else a worker sees stands on the global object.

import './performance.js';
import './dom_exception.js';
import './event.js';
import './timers.js';
import './abort.js';
import './encoding.js';
import './base64.js';
import './crypto.js';
import './clone.js';
import './streams.js';
import './url.js';
import './headers.js';
import './request.js';
import './response.js';
import './fetch.js';
import './kv.js';
import './console.js';

import { expose } from './globals.js';

expose('self', globalThis);
expose('navigator', Object.freeze({ userAgent: 'Isopop' }));

export { dispatch, onCancel, onCredit } from './call.js';
export { onBody } from './fetch.js';
export { makeKvNamespace } from './kv.js';
export { reportUncaught } from './report.js';
export { forgetTimer, onTimer } from './timers.js';
