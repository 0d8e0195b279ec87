// A rejected promise whose reason does not let itself be looked at.
import { attack } from './attack.js';

export default attack(async () => {
  Promise.reject(new Proxy(new Error('x'), { get() { for (;;) {} } }));
  await new Promise((resolve) => { setTimeout(resolve, 1); });
  return new Response('x');
});
