// What the console keeps: groups, counters, timers; and what it shows.
export default {
  fetch(request) {
    console.group('group of', new URL(request.url).pathname);
    console.count();
    console.count('requests');
    console.time('left running');
    console.log('%s has %d and %o', 'a format', 42, { deep: { deeper: { deepest: [1, 2] } } });
    console.table([{ a: 1 }]);
    console.warn(new Map([[{ a: 1 }, new Set(['x'])]]), Symbol('s'), 10n, [, 1], -0);
    console.error(new TypeError('shown', { cause: new Error('why') }));
    console.trace('from here');
    console.assert(false, 'never true');
    return new Response(null, { status: 204 });
  },
};
