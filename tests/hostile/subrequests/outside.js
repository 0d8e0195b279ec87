// Whatever else could be reached from where the PoP stands.
import { attack } from './attack.js';

const places = [
  'http://127.0.0.1/', 'http://localhost:22/', 'http://[::1]:80/', 'http://169.254.169.254/latest/',
  'http://0.0.0.0:9091/', 'file:///etc/passwd', 'ftp://neighbour.example/', 'data:text/plain,x',
  'http://neighbour.example:99999/', 'http://user:word@neighbour.example/', 'blob:x', 'about:blank',
  'http://hostile.example@outside.example/', 'gopher://neighbour.example/',
];
export default attack(async () => {
  const reached = [];
  for (const place of places) {
    try {
      const { status } = await fetch(place);
      if (status < 400) reached.push(place);
    } catch {
      // As it should be.
    }
  }
  return new Response(reached.length === 0 ? 'whole' : `reached ${reached}`);
});
