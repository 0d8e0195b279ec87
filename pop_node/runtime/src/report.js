import { inspect } from './inspect.js';

// An error nobody caught: it goes to the log; the request that caused it goes on.
export function reportUncaught(error) {
  host.log('error', `Uncaught ${inspect(error)}`);
}
