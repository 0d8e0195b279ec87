// Answers whose bodies nobody reads, and requests that are given up at once.
import { attack } from './attack.js';

export default attack(async () => {
  const kept = [];
  for (let i = 0; i < 6; ++i) kept.push(await fetch('http://neighbour.example/?n=1'));
  globalThis.kept = kept;
  for (let i = 0; i < 20; ++i) {
    const controller = new AbortController();
    fetch('http://neighbour.example/?n=2', { signal: controller.signal }).catch(() => {});
    controller.abort();
  }
  return new Response('whole');
});
