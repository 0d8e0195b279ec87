// Code that takes being stopped for an exception that it may catch.
import { attack } from './attack.js';

export default attack(() => {
  for (;;) {
    try {
      for (;;) {}
    } catch {
      continue;
    } finally {
      continue;  // eslint-disable-line no-unsafe-finally
    }
  }
});
