import { ok, suite } from './harness.js';

// What is written is looked at by faults_test.cc; here it must only not throw.
export default suite({
  'everything can be logged': () => {
    const circular = { a: 1 };
    circular.self = circular;
    const hostile = new Proxy({}, { ownKeys() { throw new Error('trap'); } });
    console.log(circular, hostile, Symbol('s'), 1n, null, undefined, -0, [, 1], new Error('e'));
    console.log({ get a() { throw new Error('getter'); } }, Object.create(null), class A {});
    console.log('%s %d %i %f %j %o %O %c %%', 'a', 1, 2.5, 3.5, { b: 1 }, [1], {}, 'css', 'more');
    for (const level of ['debug', 'info', 'warn', 'error']) console[level](level);
    console.table([{ a: 1 }]);
    console.dir({ a: { b: { c: {} } } }, { depth: 0 });
    console.assert(true, 'not shown');
    console.assert(false, 'shown');
    console.group('group');
    console.count();
    console.countReset();
    console.time();
    console.timeLog();
    console.timeEnd();
    console.timeEnd('never started');
    console.trace('here');
    console.groupEnd();
    console.groupEnd();
    console.clear();
    ok(true);
  },
});
