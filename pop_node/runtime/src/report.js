import { inspect } from './inspect.js';

// An error nobody caught: it goes to the log; the request that caused it goes on.
export function reportUncaught(error) {
  let text = '[uninspectable value]';
  try {
    text = inspect(error);
  } catch {
    // With the language broken under it, inspect() may throw too.
  }
  host.log('error', `Uncaught ${text}`);
}
