// Another handler in the place of the exported one.
import { leaving } from './attack.js';

const worker = leaving({
  look: () => undefined,
  leave: () => { worker.fetch = () => new Response('found another handler'); },
});
export default worker;
