#include "pop_node/executor/cpu_watchdog.h"

#include <v8.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>

namespace isopop::executor {
namespace {

constexpr int kSignal = SIGPROF;

// A signal handler has no argument to carry an object in.
struct State {
  std::atomic<std::int64_t> deadline_ns{0};  // 0: nothing is armed
  std::atomic<v8::Isolate*> isolate{nullptr};
  std::atomic<int> ticks_since_fired{0};
  std::atomic<bool> fired{false};
  const LastWords* last_words = nullptr;
  std::optional<CpuWatchdog::Place> place;  // written at a safe point, not in the handler
};
State g_state;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): see above

std::int64_t cpu_now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::string text_of(v8::Isolate* isolate, v8::Local<v8::String> string) {
  const v8::String::Utf8Value text(isolate, string);
  return *text == nullptr ? std::string()
                          : std::string(*text, static_cast<std::size_t>(text.length()));
}

// Runs between two instructions of the code that is to be stopped.
void stop_code(v8::Isolate* isolate, void* /*data*/) {
  const v8::HandleScope handles(isolate);
  const v8::Local<v8::StackTrace> trace = v8::StackTrace::CurrentStackTrace(isolate, 10);
  CpuWatchdog::Place place;
  for (int i = 0; i < trace->GetFrameCount(); ++i) {
    const v8::Local<v8::StackFrame> frame = trace->GetFrame(isolate, static_cast<std::uint32_t>(i));
    if (frame->GetScriptName().IsEmpty()) continue;
    const std::string module = text_of(isolate, frame->GetScriptName());
    const auto line = static_cast<std::uint32_t>(frame->GetLineNumber());
    const auto column = static_cast<std::uint32_t>(frame->GetColumn());
    const std::string function =
        frame->GetFunctionName().IsEmpty() ? "" : text_of(isolate, frame->GetFunctionName());
    if (place.module.empty()) {
      place.module = module;
      place.line = line;
      place.column = column;
    }
    place.stack.append("    at ").append(function).append(function.empty() ? "(" : " (");
    place.stack.append(module).append(":").append(std::to_string(line)).append(":");
    place.stack.append(std::to_string(column)).append(")\n");
  }
  if (!place.module.empty()) g_state.place = std::move(place);
  isolate->TerminateExecution();
}

void on_tick(int /*signal*/) {
  const std::int64_t deadline_ns = g_state.deadline_ns.load(std::memory_order_relaxed);
  if (deadline_ns == 0) return;
  const int saved_errno = errno;
  const std::int64_t now_ns = cpu_now_ns();
  v8::Isolate* const isolate = g_state.isolate.load(std::memory_order_relaxed);
  if (now_ns >= deadline_ns) {
    // V8's queue of interrupts has room for the first few without taking memory, and an isolate is
    // stopped at most once.
    if (!g_state.fired.exchange(true)) {
      isolate->RequestInterrupt(stop_code, nullptr);
    } else if (++g_state.ticks_since_fired == 8) {
      isolate->TerminateExecution();
    }
    const auto grace_ns = std::chrono::nanoseconds(CpuWatchdog::kGrace).count();
    if (now_ns >= deadline_ns + grace_ns) {
      g_state.last_words->say_and_exit(LastWords::Reason::kCpuLimit);
    }
  }
  errno = saved_errno;
}

}  // namespace

Result<std::unique_ptr<CpuWatchdog>> CpuWatchdog::create(const LastWords& last_words) {
  ISOPOP_ASSERT(g_state.last_words == nullptr, "one CpuWatchdog in the process");
  struct sigaction action{};
  action.sa_handler = on_tick;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  if (::sigaction(kSignal, &action, nullptr) != 0) return errno_error("sigaction", errno);

  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = kSignal;
  timer_t timer{};
  if (::timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) != 0) {
    return errno_error("timer_create on the CPU clock", errno);
  }
  g_state.last_words = &last_words;
  std::unique_ptr<CpuWatchdog> watchdog(new CpuWatchdog(timer));
  const timespec tick{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(CpuWatchdog::kTick).count()};
  const itimerspec interval{.it_interval = tick, .it_value = tick};
  if (::timer_settime(timer, 0, &interval, nullptr) != 0) {
    return errno_error("timer_settime on the CPU clock", errno);
  }
  return watchdog;
}

CpuWatchdog::~CpuWatchdog() {
  ::timer_delete(timer_);
  g_state.deadline_ns = 0;
  g_state.last_words = nullptr;
}

void CpuWatchdog::arm(v8::Isolate* isolate, std::chrono::nanoseconds budget) {
  armed_at_ns_ = cpu_now_ns();
  g_state.isolate.store(isolate, std::memory_order_relaxed);
  if (g_state.fired.load(std::memory_order_relaxed)) {
    g_state.fired = false;
    g_state.ticks_since_fired = 0;
    g_state.place.reset();
  }
  g_state.deadline_ns.store(armed_at_ns_ + budget.count(), std::memory_order_relaxed);
}

std::chrono::nanoseconds CpuWatchdog::disarm() {
  g_state.deadline_ns.store(0, std::memory_order_relaxed);
  return std::chrono::nanoseconds(cpu_now_ns() - armed_at_ns_);
}

bool CpuWatchdog::fired() const {
  return g_state.fired.load(std::memory_order_relaxed);
}

const std::optional<CpuWatchdog::Place>& CpuWatchdog::place() const {
  return g_state.place;
}

}  // namespace isopop::executor
