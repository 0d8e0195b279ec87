#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "common/result/result.h"
#include "control_plane/registry/registry.h"

namespace isopop::control {

// The thread the registry lives on, so that nobody else waits for the disk. Thread-safe. Tasks run
// in the order they were posted; the destructor runs those that are left, so nothing accepted is
// lost. While the disk is full or takes no writes, it tries once a second whether that is over.
class Store final {
 public:
  using Task = std::function<void(Registry&)>;
  // Work that waits; beyond it, requests are turned away.
  static constexpr std::size_t kTasksMax = 4096;

  explicit Store(std::unique_ptr<Registry> registry);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  Store(Store&&) = delete;
  Store& operator=(Store&&) = delete;

  // False: too much waits already, the task was not taken.
  [[nodiscard]] bool post(Task task);

  // Runs `function(registry)` there and waits for its Result. Never from the control loop.
  template <typename Function>
  [[nodiscard]] std::invoke_result_t<Function, Registry&> call(Function function) {
    using Answer = std::invoke_result_t<Function, Registry&>;
    // Shared with the task: std::function wants to be copyable.
    const auto promise = std::make_shared<std::promise<Answer>>();
    std::future<Answer> answer = promise->get_future();
    const bool taken = post([promise, function = std::move(function)](Registry& registry) {
      promise->set_value(function(registry));
    });
    if (!taken) return busy_error();
    return answer.get();
  }

  [[nodiscard]] static Error busy_error();

  // Why nothing can be changed now; empty when it can. As of the last task.
  [[nodiscard]] std::string fault() const;

 private:
  void run();
  void note_fault(std::unique_lock<std::mutex>& lock);

  std::unique_ptr<Registry> registry_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  std::string fault_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace isopop::control
