// Things that are hard to throw and harder to show.
import { attack } from './attack.js';

const { proxy, revoke } = Proxy.revocable({}, {});
revoke();
const nonsense = {
  null: null,
  undefined,
  symbol: Symbol('thrown'),
  revoked: proxy,
  bare: Object.create(null),
  getters: { get message() { throw this; }, get stack() { throw this; }, toString: null },
  string: 'x'.repeat(1 << 20),
};
export default attack((request) => {
  throw nonsense[new URL(request.url).pathname.slice(1)];
});
