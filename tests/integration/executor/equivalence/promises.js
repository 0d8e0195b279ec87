// Promises that outlive their request, resolved by a later one, and rejections seen too late.
let release;
let failed;
const order = [];
export default {
  async fetch(request) {
    const found = [release === undefined, failed === undefined, order.length];
    release?.(request.url);
    failed?.catch((error) => order.push(error.message));
    await null;
    new Promise((resolve) => { release = resolve; }).then((url) => order.push(url));
    failed = Promise.reject(new Error(request.url));
    const settled = await Promise.allSettled([1, Promise.reject(2), new Promise((r) => { r(3); })]);
    const any = await Promise.any([Promise.reject(new Error('a')), Promise.resolve('b')]);
    return Response.json({ found, order, settled, any });
  },
};
