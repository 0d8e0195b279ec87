#include "pop_node/checkpoint/surviving_memory.h"

#include <sys/mman.h>

#include <cerrno>

namespace isopop::checkpoint {

Result<SurvivingMemory> SurvivingMemory::create(std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return errno_error("map memory that survives restores", errno);
  return SurvivingMemory(static_cast<std::byte*>(memory), bytes);
}

void* SurvivingMemory::allocate(std::size_t bytes) {
  constexpr std::size_t kAlignment = 64;
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  ISOPOP_ASSERT(rounded <= static_cast<std::size_t>(end_ - next_),
                "surviving memory to be large enough for its known users");
  void* result = next_;
  next_ += rounded;
  return result;
}

}  // namespace isopop::checkpoint
