#include "pop_node/executor/environment.h"

#include "common/result/assert.h"
#include "pop_node/executor/bindings.h"
#include "pop_node/executor/v8_text.h"

namespace isopop::executor {

Environment::Environment(V8System& v8_system, v8::StartupData* snapshot, std::size_t heap_bytes)
    : v8_system_(v8_system), heap_bytes_(heap_bytes), allocator_(heap_bytes) {
  v8::Isolate::CreateParams params;
  params.snapshot_blob = snapshot;
  params.external_references = external_references();
  params.array_buffer_allocator = &allocator_;
  params.constraints.ConfigureDefaultsFromHeapSize(0, heap_bytes);
  isolate_ = v8::Isolate::New(params);
  isolate_->Enter();
  isolate_->SetMicrotasksPolicy(v8::MicrotasksPolicy::kExplicit);
  open_context();
}

Environment::~Environment() {
  hooks_ = {};
  context_.Reset();
  v8_system_.close_isolate(isolate_);
}

void Environment::open_context() {
  const v8::HandleScope handles(isolate_);
  const v8::Local<v8::Context> context = v8::Context::New(isolate_);
  ISOPOP_ASSERT(!context.IsEmpty(), "the start-up snapshot to hold a context");
  context->AllowCodeGenerationFromStrings(false);
  context->SetErrorMessageForCodeGenerationFromStrings(
      to_v8(isolate_, "Code generation from strings (eval, new Function) is not allowed"));
  context_.Reset(isolate_, context);
  const v8::Context::Scope scope(context);
  // Threads and what needs them are no part of a worker's world. V8 puts these there at each start.
  for (const char* name : {"Atomics", "SharedArrayBuffer"}) {
    static_cast<void>(context->Global()->Delete(context, name_v8(isolate_, name)).FromMaybe(false));
  }
  const v8::Local<v8::Object> runtime =
      context->GetDataFromSnapshotOnce<v8::Object>(0).ToLocalChecked();
  const auto hook = [&](const char* name) {
    const v8::Local<v8::Value> value =
        runtime->Get(context, name_v8(isolate_, name)).ToLocalChecked();
    return v8::Global<v8::Function>(isolate_, value.As<v8::Function>());
  };
  hooks_ = {.dispatch = hook("dispatch"),
            .on_timer = hook("onTimer"),
            .forget_timer = hook("forgetTimer"),
            .on_body = hook("onBody"),
            .on_credit = hook("onCredit"),
            .on_cancel = hook("onCancel"),
            .report_uncaught = hook("reportUncaught"),
            .make_kv_namespace = hook("makeKvNamespace")};
}

}  // namespace isopop::executor
