#pragma once

#include <memory>
#include <string>

#include "pop_node/executor/frozen_clock.h"

namespace v8 {
class Isolate;
class Platform;
}  // namespace v8

namespace isopop::executor {

// V8 in this process: flags, platform, start and end. One per process by V8's own rule; main owns
// it. V8 runs without any thread of its own, so that the process may be forked and checkpointed.
// Date.now() comes from the FrozenClock.
//
// This builds with V8 10.2 (Debian 12) and is written for 11.3 (Debian 13) too; where they differ
// the source says so with V8_MAJOR_VERSION.
class V8System final {
 public:
  // The clock outlives this object.
  explicit V8System(const FrozenClock& clock);
  ~V8System();
  V8System(const V8System&) = delete;
  V8System& operator=(const V8System&) = delete;

  // From now on functions are compiled with their module, not when they are first called: for
  // memory that will be restored, where each request would call them for the first time. For all
  // isolates.
  static void compile_eagerly();
  // From now on it takes many more, shorter turns of the optimiser's clock until a function is
  // optimised, and as much running as before. So one that was about to be at a checkpoint is not
  // optimised, and thrown away again, by every request that follows. For all isolates.
  static void start_counting_anew();

  // Runs what V8 has put off for this isolate: steps of garbage collection, finalizers. May run the
  // worker's code. False: there was nothing.
  bool run_tasks(v8::Isolate* isolate);
  // Exits and disposes of the isolate, and of what is put off for it.
  void close_isolate(v8::Isolate* isolate);

 private:
  std::unique_ptr<v8::Platform> inner_;  // V8's own, which does the work
  std::unique_ptr<v8::Platform> platform_;
};

}  // namespace isopop::executor
