// A little work in each of very many turns.
import { attack } from './attack.js';

export default attack(() => new Promise(() => {
  const turn = () => {
    for (let i = 0, sum = 0; i < 300000; ++i) sum += i;
    setTimeout(turn, 0);
  };
  turn();
}));
