// Requests to the neighbour with heads that would be two, or somebody else's.
import { attack } from './attack.js';

const ways = [
  { headers: { 'x-a': 'b\r\ncontent-length: 0\r\n\r\nGET /?n=7 HTTP/1.1' } },
  { headers: { 'transfer-encoding': 'chunked', 'content-length': '1' }, method: 'POST', body: 'abc' },
  { method: 'GET /?n=7 HTTP/1.1\r\nx' },
  { method: 'CONNECT' },
  { headers: { host: 'hostile.example', 'isopop-ray': 'forged', 'isopop-client-city': 'Forged' } },
  { headers: { big: 'x'.repeat(1 << 20) } },
  { method: 'POST', body: 'x'.repeat(4 << 20) },
];
export default attack(async () => {
  const seen = [];
  for (const way of ways) {
    try {
      const answer = await fetch('http://neighbour.example/?n=3', way);
      const text = await answer.text();
      // The neighbour squares what it is asked for, and only that.
      if (answer.status === 200 && !text.startsWith('9 ')) seen.push(text);
    } catch {
      // As it may be.
    }
  }
  return new Response(seen.length === 0 ? 'whole' : `seen ${seen}`);
});
