#include "pop_node/checkpoint/surviving_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace isopop::checkpoint {

Result<SurvivingMemory> SurvivingMemory::create(std::size_t bytes, AfterFork after) {
  int file = -1;
  if (after == AfterFork::kCanPart) {
    file = memfd_create("isopop-surviving-memory", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, static_cast<off_t>(bytes)) != 0) {
      return errno_error("make a file in memory that survives restores", errno);
    }
  }
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_NORESERVE | (file < 0 ? MAP_ANONYMOUS : 0), file, 0);
  if (memory == MAP_FAILED) return errno_error("map memory that survives restores", errno);
  return SurvivingMemory(static_cast<std::byte*>(memory), bytes, file);
}

Result<void> SurvivingMemory::part() {
  ISOPOP_ASSERT(file_ >= 0, "memory that can be parted with");
  // The same content over the same addresses, but what is written is copied first.
  const void* memory = mmap(begin_, static_cast<std::size_t>(end_ - begin_), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file_, 0);
  if (memory == MAP_FAILED) return errno_error("part with the parent's memory", errno);
  close(file_);
  file_ = -1;
  return {};
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
