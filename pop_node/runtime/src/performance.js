import { expose, tag } from './globals.js';

// The clock stands still while code runs: host.now() moves only when the executor takes in something
// from outside. performance counts from the Unix epoch of the host's clock, so that it is the same
// number as Date.now().
class Performance {
  get timeOrigin() { return 0; }
  now() { return host.now(); }
  toJSON() { return { timeOrigin: 0 }; }
}
tag(Performance, 'Performance');

expose('performance', new Performance());
expose('Performance', Performance);
