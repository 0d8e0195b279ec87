#include "pop_node/executor/v8_system.h"

#include <libplatform/libplatform.h>
#include <v8-version.h>
#include <v8.h>

#include <string_view>
#include <utility>

#include "pop_node/executor/random_numbers.h"

namespace isopop::executor {
namespace {

// The same for isopop-mksnapshot and isopop-executor: a snapshot carries a hash of the flags.
constexpr std::string_view kFlags =
    "--single-threaded "
    // Atomics.wait and shared memory are timers in disguise, and need threads.
    "--no-harmony-sharedarraybuffer --no-experimental-wasm-threads "
    // 128 MiB in wasm pages of 64 KiB.
    "--wasm-max-mem-pages=2048 "
    // The snapshot is read-only data of this program; checking it costs each new isolate 0.4 ms.
    "--no-verify-snapshot-checksum "
    // A later request should not find code thrown away that the first one compiled.
    "--no-flush-bytecode "
    // Where a function's code is in its source is noted when it is compiled. Put off until an error
    // asks for it, it means compiling the function once more, in pristine mode with each request.
    "--no-enable-lazy-source-positions "
#if V8_MAJOR_VERSION >= 11
    // compile_eagerly() comes after the start.
    "--no-freeze-flags-after-init "
#endif
    "--stack-trace-limit=10";

// V8's own single-threaded platform, with another clock for JavaScript.
class Platform final : public v8::Platform {
 public:
  Platform(v8::Platform* inner, const FrozenClock& clock) : inner_(inner), clock_(clock) {}

  v8::PageAllocator* GetPageAllocator() override { return inner_->GetPageAllocator(); }
  v8::ZoneBackingAllocator* GetZoneBackingAllocator() override {
    return inner_->GetZoneBackingAllocator();
  }
  int NumberOfWorkerThreads() override { return inner_->NumberOfWorkerThreads(); }
  std::shared_ptr<v8::TaskRunner> GetForegroundTaskRunner(v8::Isolate* isolate) override {
    return inner_->GetForegroundTaskRunner(isolate);
  }
  void CallOnWorkerThread(std::unique_ptr<v8::Task> task) override {
    inner_->CallOnWorkerThread(std::move(task));
  }
  void CallDelayedOnWorkerThread(std::unique_ptr<v8::Task> task, double delay_s) override {
    inner_->CallDelayedOnWorkerThread(std::move(task), delay_s);
  }
  std::unique_ptr<v8::JobHandle> PostJob(v8::TaskPriority priority,
                                         std::unique_ptr<v8::JobTask> task) override {
    return inner_->PostJob(priority, std::move(task));
  }
#if V8_MAJOR_VERSION >= 11
  std::unique_ptr<v8::JobHandle> CreateJob(v8::TaskPriority priority,
                                           std::unique_ptr<v8::JobTask> task) override {
    return inner_->CreateJob(priority, std::move(task));
  }
#endif
  double MonotonicallyIncreasingTime() override { return inner_->MonotonicallyIncreasingTime(); }
  double CurrentClockTimeMillis() override { return clock_.now_ms(); }
  v8::TracingController* GetTracingController() override { return inner_->GetTracingController(); }

 private:
  v8::Platform* inner_;
  const FrozenClock& clock_;
};

}  // namespace

V8System::V8System(const FrozenClock& clock)
    : inner_(v8::platform::NewSingleThreadedDefaultPlatform()) {
  v8::V8::SetFlagsFromString(kFlags.data(), kFlags.size());
  // V8 by itself reads /dev/urandom, and takes the time where there is none: behind the sandbox's
  // seal, where isolates are made too.
  v8::V8::SetEntropySource([](unsigned char* buffer, std::size_t length) {
    draw_from_kernel(buffer, length);
    return true;
  });
  platform_ = std::make_unique<Platform>(inner_.get(), clock);
  v8::V8::InitializePlatform(platform_.get());
  v8::V8::Initialize();
}

V8System::~V8System() {
  v8::V8::Dispose();
  v8::V8::DisposePlatform();
}

// V8 takes no such option for a module, only for a script. Feedback, too, is gathered from the
// first call on: waiting for a function to prove worth it would start anew with each request.
void V8System::compile_eagerly() {
  constexpr std::string_view kEager = "--no-lazy --no-lazy-feedback-allocation";
  v8::V8::SetFlagsFromString(kEager.data(), kEager.size());
}

// Usually 3 turns of 132 KiB of bytecode.
void V8System::start_counting_anew() {
#if V8_MAJOR_VERSION < 11
  constexpr std::string_view kTurns = "--interrupt-budget=33792 --ticks-before-optimization=12";
  v8::V8::SetFlagsFromString(kTurns.data(), kTurns.size());
#endif
}

bool V8System::run_tasks(v8::Isolate* isolate) {
  bool any = false;
  while (v8::platform::PumpMessageLoop(inner_.get(), isolate)) any = true;
  return any;
}

void V8System::close_isolate(v8::Isolate* isolate) {
  v8::platform::NotifyIsolateShutdown(inner_.get(), isolate);
  isolate->Exit();
  isolate->Dispose();
}

}  // namespace isopop::executor
