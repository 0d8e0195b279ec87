// A worker that asks itself, which asks itself.
import { attack } from './attack.js';

export default attack(async (request) => {
  try {
    const answer = await fetch(request.url);
    return new Response(await answer.text());
  } catch (error) {
    return new Response(`refused: ${error.name}`);
  }
});
