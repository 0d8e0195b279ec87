#include "pop_node/checkpoint/request_heap.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "common/result/assert.h"
#include "pop_node/checkpoint/mapping_journal.h"

namespace isopop::checkpoint {
namespace {

constexpr std::size_t kHeapBytes = std::size_t{1} << 20U;
constexpr std::size_t kBlockBytesMax = 64U << 10U;
constexpr std::size_t kAlignment = 16;
// Freed blocks up to this size are handed out again, by size.
constexpr std::size_t kReusedBytesMax = 1024;

// Before each block; as long as the alignment of what follows asks for.
struct alignas(kAlignment) Header {
  std::size_t bytes;  // of the block, without this
};

struct FreeBlock {
  FreeBlock* next;
};

struct Heap {
  char* begin = nullptr;  // null: glibc's heap is used
  char* end = nullptr;
  char* next = nullptr;
  std::array<FreeBlock*, kReusedBytesMax / kAlignment + 1> free_blocks{};
};
// In memory that is restored, like the region: that is what empties both.
Heap heap;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): malloc has no object

}  // namespace

void use_request_heap() {
  ISOPOP_ASSERT(heap.begin == nullptr, "one request heap in the process");
  void* const region = raw_map({0, kHeapBytes}, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ISOPOP_ASSERT(region != MAP_FAILED, "address space for the request heap");
  heap.begin = static_cast<char*>(region);
  heap.next = heap.begin;
  heap.end = heap.begin + kHeapBytes;
}

}  // namespace isopop::checkpoint

// Sanitizers define these functions themselves.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace isopop::checkpoint {
namespace {

bool is_ours(const void* block) {
  const auto* at = static_cast<const char*>(block);
  return at >= heap.begin && at < heap.end;
}

Header& header_of(void* block) {
  return static_cast<Header*>(block)[-1];
}

std::size_t rounded(std::size_t bytes) {
  return std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
}

// Null when there is no room for it, or no request heap at all.
void* take(std::size_t bytes) {
  if (heap.begin == nullptr || bytes > kBlockBytesMax) return nullptr;
  const std::size_t size = rounded(bytes);
  if (size <= kReusedBytesMax) {
    FreeBlock*& list = heap.free_blocks[size / kAlignment];
    if (list != nullptr) {
      FreeBlock* const block = list;
      list = block->next;
      return block;
    }
  }
  if (size + sizeof(Header) > static_cast<std::size_t>(heap.end - heap.next)) return nullptr;
  auto* const header = reinterpret_cast<Header*>(heap.next);
  header->bytes = size;
  heap.next += sizeof(Header) + size;
  return header + 1;
}

void give_back(void* block) {
  const std::size_t size = header_of(block).bytes;
  if (static_cast<char*>(block) + size == heap.next) {
    heap.next = reinterpret_cast<char*>(&header_of(block));
  } else if (size <= kReusedBytesMax) {
    auto* const free_block = static_cast<FreeBlock*>(block);
    free_block->next = heap.free_blocks[size / kAlignment];
    heap.free_blocks[size / kAlignment] = free_block;
  }
}

}  // namespace
}  // namespace isopop::checkpoint

// The names and signatures are glibc's.
extern "C" {

void* __libc_malloc(size_t bytes);                // NOLINT(*-reserved-identifier)
void __libc_free(void* block);                    // NOLINT(*-reserved-identifier)
void* __libc_calloc(size_t count, size_t bytes);  // NOLINT(*-reserved-identifier)
void* __libc_realloc(void* block, size_t bytes);  // NOLINT(*-reserved-identifier)

void* malloc(size_t bytes) {
  void* const block = isopop::checkpoint::take(bytes);
  return block != nullptr ? block : __libc_malloc(bytes);
}

void free(void* block) {
  if (isopop::checkpoint::is_ours(block)) {
    isopop::checkpoint::give_back(block);
  } else {
    __libc_free(block);
  }
}

void* calloc(size_t count, size_t bytes) {
  size_t all = 0;
  if (__builtin_mul_overflow(count, bytes, &all)) return __libc_calloc(count, bytes);
  void* const block = isopop::checkpoint::take(all);
  return block != nullptr ? std::memset(block, 0, all) : __libc_calloc(count, bytes);
}

void* realloc(void* block, size_t bytes) {
  if (!isopop::checkpoint::is_ours(block)) {
    return block == nullptr ? malloc(bytes) : __libc_realloc(block, bytes);
  }
  const size_t size = isopop::checkpoint::header_of(block).bytes;
  if (bytes == 0) {
    free(block);
    return nullptr;
  }
  if (bytes <= size) return block;
  void* const larger = malloc(bytes);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, block, size);
  free(block);
  return larger;
}
}

#endif
