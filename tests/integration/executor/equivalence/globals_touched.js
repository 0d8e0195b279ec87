// Leaves traces wherever it can, and shows which it finds.
export default {
  async fetch(request) {
    const found = [
      globalThis.left, ({}).left, [].left, Error.stackTraceLimit, Math.left,
      Response.left, request.constructor.prototype.left, Object.isFrozen(Promise.prototype),
    ];
    const answer = Response.json(found);
    globalThis.left = request.url;
    Object.prototype.left = 'prototype';
    Array.prototype.left = 'array';
    Error.stackTraceLimit = 3;
    Math.left = [1, 2, 3];
    Response.left = new WeakRef({});
    Object.freeze(Promise.prototype);
    delete globalThis.Intl;
    return answer;
  },
};
