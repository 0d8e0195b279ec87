// The moment of a garbage collection, seen by a finalizer while code runs.
import { attack } from './attack.js';

export default attack(async () => {
  let finalized = 0;
  const registry = new FinalizationRegistry(() => { finalized += 1; });
  for (let i = 0; i < 20000; ++i) registry.register(new Array(20), i);
  for (let i = 0; i < 100; ++i) await null;
  return new Response(`passed: ${finalized}`);
});
