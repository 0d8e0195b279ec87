// Whatever earlier requests have left in memory that is given out anew.
import { leaving } from './attack.js';
import module from './state.wasm';

const sizes = [16, 64, 256, 1024, 4096, 65536, 262144, 1048576];
function allocate(use) {
  for (const size of sizes) {
    for (let i = 0; i < 8; ++i) use(new Uint8Array(size));
  }
  use(new Uint8Array(new WebAssembly.Instance(module).exports.memory.buffer));
}
export default leaving({
  look: () => {
    let found;
    allocate((bytes) => { found ??= bytes.find((byte) => byte !== 0); });
    return found;
  },
  leave: () => allocate((bytes) => bytes.fill(0x5E)),
});
