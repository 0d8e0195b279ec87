// It crashes when half of the answer is with the client.
import { attack } from './attack.js';

export default attack(() => new Response(new ReadableStream({
  async start(controller) {
    controller.enqueue(new TextEncoder().encode('half of it'));
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    console.log('crash: null');
  },
})));
