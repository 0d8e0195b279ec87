// What the last regular expression has matched, which V8 keeps for RegExp.$1 and its like.
import { leaving } from './attack.js';

export default leaving({
  look: () => RegExp.$2 === 'behind' && RegExp.lastMatch,
  leave: () => { /(left)-(behind)/.exec('something left-behind here'); },
});
