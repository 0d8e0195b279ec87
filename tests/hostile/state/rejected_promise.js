// An error of this request that the next one catches.
import { leaving } from './attack.js';

let failed;
export default leaving({
  look: () => failed?.catch((error) => error.message),
  leave: (request) => { failed = Promise.reject(new Error(`the error of ${request.url}`)); },
});
