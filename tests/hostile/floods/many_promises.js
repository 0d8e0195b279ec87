// Two hundred thousand promises in flight, all of which are kept.
import { attack } from './attack.js';

export default attack(async () => {
  let sum = 0;
  const add = async (i) => {
    await null;
    sum += i;
  };
  const promises = [];
  for (let i = 0; i < 200000; ++i) promises.push(add(1));
  await Promise.all(promises);
  return new Response(`sum ${sum}`);
});
