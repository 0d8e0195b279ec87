// Code that V8 optimises for what it has seen, and must not, in the next request.
const shapes = [];
function area(shape) { return shape.width * shape.height; }
function total(list) {
  let sum = 0;
  for (let round = 0; round < 3000; ++round) for (const shape of list) sum += area(shape);
  return sum;
}
for (let i = 0; i < 20; ++i) shapes.push({ width: i, height: 2 });
export default {
  fetch(request) {
    const before = total(shapes);
    shapes.push({ height: 'x', width: 1, extra: request.url });
    const after = String(total(shapes));
    shapes[0] = { get width() { return 5; }, height: 5 };
    return Response.json([before, after, total(shapes.slice(0, 20)), shapes.length]);
  },
};
