// A regular expression that matches for ever because its lastIndex is put back.
import { attack } from './attack.js';

export default attack(() => {
  const expression = /a/g;
  while (expression.exec('aaa') !== null) expression.lastIndex = 0;
});
