// Every object is a thenable.
import { attack } from './attack.js';

export default attack(() => {
  Object.defineProperty(Object.prototype, 'then', {
    get() {
      return (resolve) => {
        delete Object.prototype.then;
        resolve(new Response('taken over'));
      };
    },
    configurable: true,
  });
  return (async () => new Response('whole'))();
});
