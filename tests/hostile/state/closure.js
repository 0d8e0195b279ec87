// A variable that only a function of the module can reach.
import { leaving } from './attack.js';

const drawer = (() => {
  let content;
  return { open: () => content, fill: (value) => { content = value; } };
})();
export default leaving({
  look: () => drawer.open(),
  leave: (request) => drawer.fill(request.url),
});
