#include "pop_node/checkpoint/mapping_journal.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

namespace isopop::checkpoint {
namespace {

// In restored memory, and set before the checkpoint: a restore puts back the same pointer.
MappingJournal* active_journal = nullptr;
bool pages_are_saved = false;

}  // namespace

MappingJournal::MappingJournal(SurvivingMemory& memory) : entries_(memory, kEntriesMax) {}

void MappingJournal::start() {
  active_journal = this;
  pages_are_saved = true;
}

void MappingJournal::stop() {
  active_journal = nullptr;
}

void MappingJournal::clear() {
  entries_.clear();
  overflowed_ = false;
}

void MappingJournal::record(Range range, Change change) {
  if (range.empty()) return;
  if (!entries_.push_back({range, change})) overflowed_ = true;
}

void configure_malloc() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 256 * 1024);
}

void* raw_map(Range range, int protection, int flags, int fd, std::uint64_t offset) {
  return reinterpret_cast<void*>(
      syscall(SYS_mmap, range.begin, range.bytes(), protection, flags, fd, offset));
}

bool raw_unmap(Range range) {
  return syscall(SYS_munmap, range.begin, range.bytes()) == 0;
}

bool raw_protect(Range range, int protection) {
  return syscall(SYS_mprotect, range.begin, range.bytes(), protection) == 0;
}

bool raw_drop(Range range) {
  return syscall(SYS_madvise, range.begin, range.bytes(), MADV_DONTNEED) == 0;
}

std::uintptr_t raw_brk(std::uintptr_t end) {
  return static_cast<std::uintptr_t>(syscall(SYS_brk, end));
}

}  // namespace isopop::checkpoint

// The reporting versions. Sanitizers define these functions themselves; a sanitized executor
// therefore cannot be checkpointed, and says so.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace isopop::checkpoint {
namespace {

Range page_range(const void* address, std::size_t bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(address);
  const std::uintptr_t end = (begin + bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  return {begin / kPageBytes * kPageBytes, end};
}

void report(const void* address, std::size_t bytes, MappingJournal::Change change) {
  if (active_journal != nullptr) active_journal->record(page_range(address, bytes), change);
}

// What MADV_DONTNEED means to its caller: zeroes from now on. Once there is a checkpoint, dropping
// the pages would show the checkpoint's content instead, so fresh memory is put in their place.
// Readable and writable, as memory that somebody gives back this way is.
int replace_by_zeroes(void* address, std::size_t bytes) {
  const Range range = page_range(address, bytes);
  void* result = raw_map(range, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  if (result == MAP_FAILED) return -1;
  report(address, bytes, MappingJournal::Change::kReplaced);
  return 0;
}

}  // namespace
}  // namespace isopop::checkpoint

using isopop::checkpoint::MappingJournal;

// The names and signatures are glibc's.
extern "C" {

void* mmap(void* address, size_t length, int protection, int flags, int fd, off_t offset) noexcept {
  auto* result =
      reinterpret_cast<void*>(syscall(SYS_mmap, address, length, protection, flags, fd, offset));
  if (result != MAP_FAILED) {
    isopop::checkpoint::report(result, length, MappingJournal::Change::kReplaced);
  }
  return result;
}

void* mmap64(void* address, size_t length, int protection, int flags, int fd,
             off_t offset) noexcept {
  return mmap(address, length, protection, flags, fd, offset);
}

int munmap(void* address, size_t length) noexcept {
  const int result = static_cast<int>(syscall(SYS_munmap, address, length));
  if (result == 0) isopop::checkpoint::report(address, length, MappingJournal::Change::kReplaced);
  return result;
}

int mprotect(void* address, size_t length, int protection) noexcept {
  const int result = static_cast<int>(syscall(SYS_mprotect, address, length, protection));
  if (result == 0) isopop::checkpoint::report(address, length, MappingJournal::Change::kProtected);
  return result;
}

void* mremap(void* address, size_t old_length, size_t new_length, int flags, ...) noexcept {
  va_list arguments;
  va_start(arguments, flags);
  void* wanted = (flags & MREMAP_FIXED) != 0 ? va_arg(arguments, void*) : nullptr;
  va_end(arguments);
  auto* result =
      reinterpret_cast<void*>(syscall(SYS_mremap, address, old_length, new_length, flags, wanted));
  if (result != MAP_FAILED) {
    isopop::checkpoint::report(address, old_length, MappingJournal::Change::kReplaced);
    isopop::checkpoint::report(result, new_length, MappingJournal::Change::kReplaced);
  }
  return result;
}

int madvise(void* address, size_t length, int advice) noexcept {
  // V8 would keep its memory from a fork, and a zygote forks for the sake of it.
  if (advice == MADV_DONTFORK) return 0;
  if (isopop::checkpoint::pages_are_saved) {
    // Keeping the pages is one of the two things that MADV_FREE allows.
    if (advice == MADV_FREE) return 0;
    if (advice == MADV_DONTNEED) return isopop::checkpoint::replace_by_zeroes(address, length);
  }
  return static_cast<int>(syscall(SYS_madvise, address, length, advice));
}
}

#endif
