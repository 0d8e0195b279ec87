// A heap that grows and shrinks, collections that move things, and mappings that come and go.
const table = new Map();
for (let i = 0; i < 500; ++i) table.set(`key ${i}`, { i });
let hoard = [];
export default {
  fetch(request) {
    hoard.push(new Array(300000).fill(request.url.length), new Uint8Array(1 << 20).fill(1));
    for (let round = 0; round < 20; ++round) {
      const garbage = [];
      for (let i = 0; i < 3000; ++i) garbage.push({ round, i, text: `${round} ${i}` });
      table.set(`round ${round}`, garbage[7]);
    }
    const sum = [...table.values()].reduce((total, { i }) => total + i, 0);
    return new Response(`${sum} ${table.size} ${hoard.length}`);
  },
};
