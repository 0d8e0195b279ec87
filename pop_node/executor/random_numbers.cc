#include "pop_node/executor/random_numbers.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "common/result/assert.h"

namespace isopop::executor {

double RandomNumbers::next() {
  if (!stream_) {
    RandomStream::State state{};
    draw_from_kernel(state.data(), sizeof(state));
    // All zero is no state.
    if (state == RandomStream::State{}) state[0] = 1;
    stream_.emplace(state);
  }
  return stream_->uniform();
}

// By way of the stack: the target may be a page that is guarded against being written, which a
// system call reports as an error instead of faulting.
void draw_from_kernel(void* into, std::size_t bytes) {
  auto* at = static_cast<char*>(into);
  std::array<char, 256> drawn{};
  while (bytes > 0) {
    const std::size_t part = std::min(bytes, drawn.size());
    const ssize_t got = ::getrandom(drawn.data(), part, 0);
    // Up to 256 bytes are never cut short by a signal, and the kernel's pool is ready long before.
    ISOPOP_ASSERT(got == static_cast<ssize_t>(part), "random bytes from the kernel");
    std::memcpy(at, drawn.data(), part);
    at += part;
    bytes -= part;
  }
}

}  // namespace isopop::executor
