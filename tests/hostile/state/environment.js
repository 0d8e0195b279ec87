// The object with the worker's variables, which all requests are given.
import { leaving } from './attack.js';

export default leaving({
  look: (request, env) => env.left,
  leave: (request, env) => { env.left = 'in env'; },
});
