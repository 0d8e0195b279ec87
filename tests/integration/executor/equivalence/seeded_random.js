// Random in shape only: its own generator draws the numbers, the kernel's are measured, not shown.
let state = 0x9E3779B9;
function draw() {
  state = (state + 0x6D2B79F5) | 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
export default {
  fetch(request) {
    const numbers = Array.from({ length: 50 }, draw);
    const uuid = crypto.randomUUID().replace(/[0-9a-f]/g, 'x');
    const bytes = crypto.getRandomValues(new Uint8Array(1000));
    const shape = [uuid, bytes.length, bytes.some((byte) => byte !== 0), Math.random() < 1];
    return Response.json({ url: request.url, numbers, shape });
  },
};
