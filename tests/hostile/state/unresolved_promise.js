// A promise that the next request resolves, with a reaction of this one.
import { leaving } from './attack.js';

let release;
let seen;
export default leaving({
  look: async () => {
    release?.('the reaction of an earlier request');
    await null;
    await null;
    return seen;
  },
  leave: () => {
    new Promise((resolve) => { release = resolve; }).then((value) => { seen = value; });
  },
});
