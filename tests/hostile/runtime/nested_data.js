// Data nested so deep that whoever walks it has to recurse.
import { attack } from './attack.js';

const ways = [
  () => JSON.parse('['.repeat(200000) + ']'.repeat(200000)),
  () => {
    let deep = {};
    for (let i = 0; i < 200000; ++i) deep = { deep };
    const tried = [() => structuredClone(deep), () => console.log(deep), () => JSON.stringify(deep)];
    for (const attempt of tried) {
      try {
        attempt();
      } catch (error) {
        if (error.name !== 'RangeError') throw error;
      }
    }
  },
  () => new RegExp('('.repeat(20000) + ')'.repeat(20000)).test('a'),
];
export default attack(() => {
  for (const way of ways) {
    try {
      way();
    } catch (error) {
      if (!['RangeError', 'SyntaxError'].includes(error.name)) throw error;
    }
  }
  return new Response('whole');
});
