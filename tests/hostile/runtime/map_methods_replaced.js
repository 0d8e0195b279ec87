// The maps in which the platform keeps what is in flight.
import { attack } from './attack.js';

export default attack(async () => {
  const caught = [];
  for (const name of ['get', 'set', 'has', 'delete', 'forEach', 'keys', 'values', 'entries']) {
    Map.prototype[name] = function spy(...args) {
      caught.push(this, args);
      throw new Error(`hijacked ${name}`);
    };
  }
  await null;
  return new Response(caught.length === 0 ? 'whole' : 'caught a map of the platform');
});
