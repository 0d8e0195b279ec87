// Bytes that are changed, and given away, while the platform sends them.
import { attack } from './attack.js';

export default attack(() => {
  const bytes = new Uint8Array(1000).fill(0x61);
  const answer = new Response(bytes);
  bytes.fill(0x62);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return answer;
});
