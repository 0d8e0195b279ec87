// An object whose JSON is a thousand million times larger.
import { attack } from './attack.js';

export default attack(() => {
  let tree = 'leaf';
  for (let i = 0; i < 30; ++i) tree = [tree, tree];
  return Response.json(tree);
});
