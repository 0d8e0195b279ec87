#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "common/result/result.h"

namespace isopop::checkpoint {

// Memory that a restore leaves alone: a shared mapping, and only private mappings are restored.
// Whatever must outlive a request lives here: the channel's buffers, the restorer's own tables and
// stack. Handed out from the front, never taken back. After fork() it is shared with the child, so
// a child that restores makes one of its own, and one that runs untrusted code parts with its
// parent's. Lives on one thread.
class SurvivingMemory final {
 public:
  enum class AfterFork : std::uint8_t { kShared, kCanPart };
  [[nodiscard]] static Result<SurvivingMemory> create(std::size_t bytes,
                                                      AfterFork after = AfterFork::kShared);

  // In a child, of memory made with kCanPart: what either writes from now on the other does not
  // see. It is private memory then and does not survive restores any more.
  [[nodiscard]] Result<void> part();

  // Zeroed, aligned to 64 bytes; aborts when the memory is used up, since every user is known at
  // start.
  [[nodiscard]] void* allocate(std::size_t bytes);

  // An object that is never destroyed.
  template <typename T, typename... Args>
  [[nodiscard]] T* make(Args&&... args) {
    return new (allocate(sizeof(T))) T(std::forward<Args>(args)...);
  }

 private:
  SurvivingMemory(std::byte* begin, std::size_t bytes, int file)
      : begin_(begin), next_(begin), end_(begin + bytes), file_(file) {}

  std::byte* begin_;
  std::byte* next_;
  std::byte* end_;
  int file_;  // -1: there is none
};

// A vector of fixed capacity in surviving memory: it never allocates, so it can be used while
// malloc's own memory is being replaced. T is trivially copyable. push_back() on a full one is
// refused, not fatal: the caller knows what a table that overflows means.
template <typename T>
class FixedVector final {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  FixedVector(SurvivingMemory& memory, std::size_t capacity)
      : items_(static_cast<T*>(memory.allocate(capacity * sizeof(T)))), capacity_(capacity) {}

  [[nodiscard]] bool push_back(const T& item) {
    if (size_ == capacity_) return false;
    items_[size_++] = item;
    return true;
  }
  // The last item takes the place of the one that goes.
  void remove_unordered(std::size_t index) { items_[index] = items_[--size_]; }
  void shrink(std::size_t size) { size_ = size; }
  void clear() { size_ = 0; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] T& operator[](std::size_t index) { return items_[index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const { return items_[index]; }
  [[nodiscard]] T* begin() { return items_; }
  [[nodiscard]] T* end() { return items_ + size_; }
  [[nodiscard]] const T* begin() const { return items_; }
  [[nodiscard]] const T* end() const { return items_ + size_; }

 private:
  T* items_;
  std::size_t size_ = 0;
  std::size_t capacity_;
};

}  // namespace isopop::checkpoint
