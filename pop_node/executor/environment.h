#pragma once

#include <v8.h>

#include <cstddef>
#include <memory>

#include "pop_node/executor/buffer_allocator.h"
#include "pop_node/executor/v8_system.h"

namespace isopop::executor {

// A V8 isolate with the worker runtime in it, and no worker yet. Making one costs milliseconds, so
// a zygote makes one ahead of time and each of its children has it already. A Realm takes it over
// and puts a worker into it. One at a time in a process, which enters it when it is made (V8 keeps
// the entered isolate in thread state). Lives on one thread.
class Environment {
 public:
  // The functions of the runtime that the host calls.
  struct Hooks {
    v8::Global<v8::Function> dispatch, on_timer, forget_timer, on_body, on_credit, on_cancel,
        report_uncaught, make_kv_namespace;
  };

  // `snapshot` was made by isopop-mksnapshot; V8 keeps the pointer.
  Environment(V8System& v8_system, v8::StartupData* snapshot, std::size_t heap_bytes);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  [[nodiscard]] v8::Isolate* isolate() const { return isolate_; }
  [[nodiscard]] v8::Local<v8::Context> context() const { return context_.Get(isolate_); }
  [[nodiscard]] const Hooks& hooks() const { return hooks_; }
  // What the heap was made for. V8 cannot make it larger later by itself: see Realm.
  [[nodiscard]] std::size_t heap_bytes() const { return heap_bytes_; }
  // ArrayBuffers of JavaScript and of the runtime together.
  [[nodiscard]] BufferAllocator& buffers() { return allocator_; }

 private:
  void open_context();

  V8System& v8_system_;
  std::size_t heap_bytes_;
  BufferAllocator allocator_;
  v8::Isolate* isolate_;
  v8::Global<v8::Context> context_;
  Hooks hooks_;
};

}  // namespace isopop::executor
