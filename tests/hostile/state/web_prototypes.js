// Methods of the platform's own classes.
import { leaving } from './attack.js';

export default leaving({
  look: () => new Headers({ a: 'b' }).get('a') !== 'b' && 'another Headers.get()',
  leave: () => {
    Headers.prototype.get = () => 'hijacked';
    Request.prototype.text = async () => 'hijacked';
    TextDecoder.prototype.decode = () => 'hijacked';
    URL.prototype.toString = () => 'hijacked';
  },
});
