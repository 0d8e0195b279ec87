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
#include "pop_node/executor/buffer_allocator.h"
#include "pop_node/executor/cpu_watchdog.h"
#include "pop_node/executor/frames.h"
#include "pop_node/executor/frozen_clock.h"
#include "pop_node/executor/last_words.h"
#include "pop_node/executor/module_graph.h"
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

// One V8 isolate with one worker in it: from the start-up snapshot through the worker's top level
// to the requests that run in it, one or many. Every entry into JavaScript goes through enter(),
// which counts CPU time, sets whose request it is, empties the microtask queue and looks at what
// was left behind. After a breach of a limit nothing runs in it any more.
//
// One at a time in a process (V8 keeps the entered isolate in thread state). Lives on one thread.
class Realm {
 public:
  // Which limit ended it.
  enum class Breach { kNone, kCpu, kMemory };

  // `load` outlives the realm.
  Realm(const Surroundings& surroundings, const LoadFrame& load);
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

 private:
  struct Account {
    std::chrono::nanoseconds cpu_used{0};
    Instant deadline{};
  };
  // The functions of the runtime that are called from here.
  struct Hooks {
    v8::Global<v8::Function> dispatch, on_timer, forget_timer, on_body, on_credit, on_cancel,
        report_uncaught;
  };
  struct Rejection {
    v8::Global<v8::Promise> promise;
    v8::Global<v8::Value> reason;
  };

  // Disposes last, when nothing refers to the isolate any more.
  struct IsolateOwner {
    V8System& v8_system;
    v8::Isolate* isolate;
    IsolateOwner(V8System& system, v8::Isolate* owned) : v8_system(system), isolate(owned) {}
    ~IsolateOwner() { v8_system.close_isolate(isolate); }
    IsolateOwner(const IsolateOwner&) = delete;
    IsolateOwner& operator=(const IsolateOwner&) = delete;
  };

  [[nodiscard]] v8::Isolate* open_isolate();
  void open_context();
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
  const LoadFrame& load_;
  BufferAllocator allocator_;
  IsolateOwner owner_;
  v8::Isolate* isolate_;
  ModuleGraph modules_;
  v8::Global<v8::Context> context_;
  v8::Global<v8::Object> handler_;
  v8::Global<v8::Object> env_;
  Hooks hooks_;
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
