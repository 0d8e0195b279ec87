// Pieces of a body that are no bytes.
import { attack } from './attack.js';

export default attack((request) => {
  const pieces = { text: 'a string', number: 7, object: {}, none: null };
  const piece = pieces[new URL(request.url).pathname.slice(1)];
  return new Response(new ReadableStream({
    start(controller) {
      controller.enqueue(piece);
      controller.close();
    },
  }));
});
