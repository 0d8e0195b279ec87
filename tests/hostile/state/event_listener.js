// A listener that hears the events of the next request.
import { leaving } from './attack.js';

const target = new EventTarget();
let heard;
export default leaving({
  look: () => {
    target.dispatchEvent(new Event('knock'));
    return heard;
  },
  leave: () => target.addEventListener('knock', () => { heard = 'by an earlier listener'; }),
});
