#pragma once

#include <v8.h>

#include <cstddef>

namespace isopop::executor {

// Memory for ArrayBuffers, up to a bound: what lies outside V8's heap counts for a worker too.
// Beyond the bound an allocation fails, which JavaScript sees as a RangeError. Compiled without
// RTTI like V8.
class BufferAllocator final : public v8::ArrayBuffer::Allocator {
 public:
  explicit BufferAllocator(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void set_bytes_max(std::size_t bytes_max) { bytes_max_ = bytes_max; }
  // Whether the last allocation was refused.
  [[nodiscard]] bool refused() const { return refused_; }
  void forget_refusal() { refused_ = false; }

  void* Allocate(std::size_t length) override;
  void* AllocateUninitialized(std::size_t length) override;
  void Free(void* data, std::size_t length) override;
  void* Reallocate(void* data, std::size_t old_length, std::size_t new_length) override;

 private:
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  bool refused_ = false;
};

// A zeroed buffer; throws a RangeError, as JavaScript itself does, when there is no memory for it.
[[nodiscard]] v8::MaybeLocal<v8::ArrayBuffer> new_buffer(v8::Isolate* isolate, std::size_t bytes);

}  // namespace isopop::executor
