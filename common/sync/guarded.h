#pragma once

#include <mutex>
#include <utility>

namespace isopop {

// Data and its mutex as one object: the data can be reached only while the lock is held.
//   guarded.with([](State& state) { ... });
// Keep the function short: no I/O, no call back into unknown code.
template <typename T>
class Guarded {
 public:
  template <typename... Args>
  explicit Guarded(Args&&... args) : data_(std::forward<Args>(args)...) {}

  template <typename Function>
  decltype(auto) with(Function&& function) {
    const std::lock_guard lock(mutex_);
    return std::forward<Function>(function)(data_);
  }
  template <typename Function>
  decltype(auto) with(Function&& function) const {
    const std::lock_guard lock(mutex_);
    return std::forward<Function>(function)(data_);
  }

 private:
  mutable std::mutex mutex_;
  T data_;
};

}  // namespace isopop
