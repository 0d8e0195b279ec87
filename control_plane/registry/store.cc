#include "control_plane/registry/store.h"

namespace isopop::control {

Store::Store(std::unique_ptr<Registry> registry)
    : registry_(std::move(registry)), thread_([this] { run(); }) {}

Store::~Store() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool Store::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.size() >= kTasksMax) return false;
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
  return true;
}

Error Store::busy_error() {
  return Error{ErrorCode::kResourceExhausted,
               "the control plane's database cannot keep up; try again in a moment"};
}

void Store::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task(*registry_);
    lock.lock();
  }
}

}  // namespace isopop::control
