#include "control_plane/registry/store.h"

#include <chrono>

#include "common/log/log.h"

namespace isopop::control {
namespace {

constexpr auto kProbeInterval = std::chrono::seconds(1);

}  // namespace

Store::Store(std::unique_ptr<Registry> registry)
    : registry_(std::move(registry)), fault_(registry_->fault()), thread_([this] { run(); }) {
  if (!fault_.empty()) log_error("{}", fault_);
}

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

std::string Store::fault() const {
  const std::lock_guard lock(mutex_);
  return fault_;
}

void Store::run() {
  std::unique_lock lock(mutex_);
  const SystemClock clock;
  const auto has_work = [this] { return stopping_ || !tasks_.empty(); };
  Instant probed_at = clock.now();
  while (true) {
    if (fault_.empty()) {
      changed_.wait(lock, has_work);
      probed_at = clock.now();
    } else {
      changed_.wait_until(lock, probed_at + kProbeInterval, has_work);
    }
    // Not put off by work that only reads.
    if (!fault_.empty() && clock.now() - probed_at >= kProbeInterval) {
      probed_at = clock.now();
      lock.unlock();
      registry_->database().probe().ignore("fault() says how it went");
      lock.lock();
      note_fault(lock);
      continue;
    }
    if (!has_work()) continue;
    if (tasks_.empty()) return;
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task(*registry_);
    lock.lock();
    note_fault(lock);
  }
}

void Store::note_fault(std::unique_lock<std::mutex>& lock) {
  const std::string fault = registry_->fault();
  if (fault == fault_) return;
  fault_ = fault;
  lock.unlock();
  if (fault.empty()) {
    log_info("the database can be changed again");
  } else {
    log_error("{}", fault);
  }
  lock.lock();
}

}  // namespace isopop::control
