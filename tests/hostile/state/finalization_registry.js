// Finalizers that run when the objects of an earlier request are collected.
import { leaving } from './attack.js';

let finalized = 0;
const registry = new FinalizationRegistry(() => { finalized += 1; });
export default leaving({
  look: async () => {
    let garbage = [];
    for (let i = 0; i < 20000; ++i) garbage.push(new Array(20));
    garbage = null;
    await new Promise((resolve) => { setTimeout(resolve, 1); });
    return finalized;
  },
  leave: () => { for (let i = 0; i < 5000; ++i) registry.register({ i }, i); },
});
