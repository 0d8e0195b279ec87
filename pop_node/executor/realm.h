#pragma once

#include <v8.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "pop_node/executor/cpu_watchdog.h"
#include "pop_node/executor/environment.h"
#include "pop_node/executor/frames.h"
#include "pop_node/executor/frozen_clock.h"
#include "pop_node/executor/last_words.h"
#include "pop_node/executor/module_graph.h"
#include "pop_node/executor/random_numbers.h"
#include "pop_node/executor/timer_queue.h"
#include "pop_node/executor/traffic.h"
#include "pop_node/executor/v8_system.h"

namespace isopop::executor {

// What a Realm needs from the process. All of it outlives every Realm.
struct Surroundings {
  Traffic& traffic;
  FrozenClock& frozen_clock;
  const Clock& clock;
  CpuWatchdog& watchdog;
  LastWords& last_words;
  V8System& v8_system;
  v8::StartupData* snapshot;  // made by isopop-mksnapshot; V8 keeps the pointer
};

// One worker in an Environment: from the compilation of its code through its top level to the
// requests that run in it, one or many. Every entry into JavaScript goes through enter(),
// which counts CPU time, sets whose request it is, empties the microtask queue and looks at what
// was left behind. After a breach of a limit nothing runs in it any more.
//
// Lives on one thread.
class Realm {
 public:
  // Which limit ended it.
  enum class Breach { kNone, kCpu, kMemory };

  // Both outlive the realm. An environment takes one realm, but for the rehearsal's.
  Realm(const Surroundings& surroundings, Environment& environment, const LoadFrame& load);
  ~Realm();
  Realm(const Realm&) = delete;
  Realm& operator=(const Realm&) = delete;

  // Compiles the worker and runs its top level. Returns what is wrong with it.
  [[nodiscard]] std::optional<WorkerFault> run_top_level(LoadTimes& times);

  // Hands a request to the worker. Its id is in Traffic already.
  void start(const RequestFrame& request);
  // More of a request's body has come that somebody waits for; a response that was held up is sent.
  void on_body(std::uint32_t id);
  void on_credit(std::uint32_t id);
  // The client is gone: the request ends here and now.
  void cancel(std::uint32_t id);

  // Runs the timers that are due, and ends requests whose time is over.
  void on_time(Instant now);
  [[nodiscard]] std::optional<Instant> next_event() const;

  [[nodiscard]] Breach breach() const { return breach_; }
  // Ends all requests after a breach: the guilty one with its kind of failure, the others with an
  // explanation.
  void end_all_after_breach();
  [[nodiscard]] bool idle() const { return requests_.empty(); }

  // For the bindings.
  [[nodiscard]] static Realm& of(v8::Isolate* isolate);
  [[nodiscard]] const Surroundings& surroundings() const { return surroundings_; }
  [[nodiscard]] ModuleGraph& modules() { return modules_; }
  [[nodiscard]] std::uint32_t current_request() const { return current_; }
  [[nodiscard]] bool at_top_level() const { return at_top_level_; }
  std::optional<std::uint32_t> start_timer(double delay_ms, TimerQueue::Kind kind);
  void stop_timer(std::uint32_t id) { timers_.stop(id); }
  // A request of the current request's own.
  [[nodiscard]] Result<std::uint32_t> start_fetch(SubrequestHead head, std::string_view body) const;
  void fail(std::uint32_t id, v8::Local<v8::Value> error);
  void finish(std::uint32_t id) { finished_.push_back(id); }
  [[nodiscard]] RandomNumbers& random() { return random_; }

 private:
  struct Account {
    std::chrono::nanoseconds cpu_used{0};
    Instant deadline{};
  };
  struct Rejection {
    v8::Global<v8::Promise> promise;
    v8::Global<v8::Value> reason;
  };

  void limit_heap();
  [[nodiscard]] std::optional<WorkerFault> make_env(v8::Local<v8::Context> context);
  [[nodiscard]] std::optional<WorkerFault> evaluate(v8::Local<v8::Context> context);
  [[nodiscard]] std::optional<WorkerFault> take_handler(v8::Local<v8::Context> context);
  [[nodiscard]] WorkerFault breach_fault() const;

  template <typename Action>
  void enter(std::uint32_t id, Action action);
  void look_for_breach();
  void call(v8::Local<v8::Context> context, const v8::Global<v8::Function>& hook,
            std::span<v8::Local<v8::Value>> arguments);
  void call_hook(v8::Local<v8::Context> context, const v8::Global<v8::Function>& hook,
                 std::uint32_t id);
  void report_rejections(v8::Local<v8::Context> context);
  void settle();
  void close_request(std::uint32_t id);
  void fail_those_that_wait_for_nothing();

  static void on_rejection(v8::PromiseRejectMessage message);
  static std::size_t on_near_heap_limit(void* data, std::size_t current, std::size_t initial);

  const Surroundings& surroundings_;
  Environment& environment_;
  const LoadFrame& load_;
  v8::Isolate* isolate_;
  ModuleGraph modules_;
  v8::Global<v8::Object> handler_;
  v8::Global<v8::Object> env_;
  RandomNumbers random_;
  TimerQueue timers_;
  std::map<std::uint32_t, Account> requests_;
  std::vector<std::uint32_t> finished_;  // in this entry; their accounts are closed after it
  std::vector<Rejection> rejections_;    // that nobody has handled so far
  std::uint32_t current_ = 0;
  bool at_top_level_ = true;
  bool settling_ = false;
  bool memory_exceeded_ = false;
  Breach breach_ = Breach::kNone;
};

}  // namespace isopop::executor
