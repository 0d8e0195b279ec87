#include "pop_node/executor/buffer_allocator.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "pop_node/executor/v8_text.h"

namespace isopop::executor {

void* BufferAllocator::Allocate(std::size_t length) {
  const bool fits = bytes_ <= bytes_max_ && length <= bytes_max_ - bytes_;
  void* const data = fits ? std::calloc(length == 0 ? 1 : length, 1) : nullptr;
  // V8 tries again after it has collected garbage.
  refused_ = data == nullptr;
  if (data != nullptr) bytes_ += length;
  return data;
}

// Zeroed all the same: what another isolate of this process left behind must not be seen.
void* BufferAllocator::AllocateUninitialized(std::size_t length) {
  return Allocate(length);
}

void BufferAllocator::Free(void* data, std::size_t length) {
  std::free(data);
  bytes_ -= length;
}

void* BufferAllocator::Reallocate(void* data, std::size_t old_length, std::size_t new_length) {
  if (new_length > old_length &&
      (bytes_ > bytes_max_ || new_length - old_length > bytes_max_ - bytes_)) {
    return nullptr;
  }
  void* const moved = std::realloc(data, new_length == 0 ? 1 : new_length);
  if (moved == nullptr) return nullptr;
  if (new_length > old_length) {
    std::memset(static_cast<char*>(moved) + old_length, 0, new_length - old_length);
  }
  bytes_ = bytes_ - old_length + new_length;
  return moved;
}

v8::MaybeLocal<v8::ArrayBuffer> new_buffer(v8::Isolate* isolate, std::size_t bytes) {
  // V8's own constructor ends the process when the memory is not there; asking the allocator first
  // does not.
  v8::ArrayBuffer::Allocator* const allocator = isolate->GetArrayBufferAllocator();
  void* data = allocator->Allocate(bytes);
  if (data == nullptr) {
    isolate->LowMemoryNotification();
    data = allocator->Allocate(bytes);
  }
  if (data == nullptr) {
    isolate->ThrowException(
        v8::Exception::RangeError(to_v8(isolate, "Array buffer allocation failed")));
    return {};
  }
  std::unique_ptr<v8::BackingStore> store = v8::ArrayBuffer::NewBackingStore(
      data, bytes,
      [](void* memory, std::size_t length, void* owner) {
        static_cast<v8::ArrayBuffer::Allocator*>(owner)->Free(memory, length);
      },
      allocator);
  return v8::ArrayBuffer::New(isolate, std::move(store));
}

}  // namespace isopop::executor
