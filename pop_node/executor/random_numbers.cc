#include "pop_node/executor/random_numbers.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "common/result/assert.h"

namespace isopop::executor {

double RandomNumbers::next() {
  if (!seeded_) {
    draw_from_kernel(state_.data(), sizeof(state_));
    // The one state that xoshiro never leaves.
    if (state_ == std::array<std::uint64_t, 4>{}) state_[0] = 1;
    seeded_ = true;
  }
  const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const std::uint64_t shifted = state_[1] << 17U;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return static_cast<double>(result >> 11U) * 0x1.0p-53;
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
