// isopop-mksnapshot BUNDLE.js OUTPUT: runs the JavaScript runtime once and writes V8's heap as it
// is then. Every isolate of the executor starts from that picture instead of compiling and running
// the runtime. Used only while building.

#include <v8.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "common/time/clock.h"
#include "pop_node/executor/bindings.h"
#include "pop_node/executor/fault_reader.h"
#include "pop_node/executor/frozen_clock.h"
#include "pop_node/executor/v8_system.h"
#include "pop_node/executor/v8_text.h"

namespace isopop::executor {
namespace {

struct Sources {
  std::string bundle;
  std::string warm_up;
};

std::string read_source(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool report(v8::Local<v8::Context> context, const v8::TryCatch& caught) {
  const WorkerFault fault = read_fault(context, caught.Exception(), caught.Message());
  std::fprintf(stderr, "isopop-mksnapshot: line %u: %s\n%s\n", fault.line, fault.message.c_str(),
               fault.stack.c_str());
  return false;
}

// Runs a script whose value is a function, and calls that.
v8::MaybeLocal<v8::Value> call_script(v8::Local<v8::Context> context, v8::Local<v8::Value> function,
                                      v8::Local<v8::Value> argument) {
  if (!function->IsFunction()) return {};
  return function.As<v8::Function>()->Call(context, v8::Undefined(context->GetIsolate()), 1,
                                           &argument);
}

v8::MaybeLocal<v8::Value> run_script(v8::Local<v8::Context> context, const std::string& source,
                                     const char* name) {
  v8::Isolate* const isolate = context->GetIsolate();
  v8::ScriptOrigin origin(isolate, to_v8(isolate, name));
  v8::Local<v8::Script> script;
  if (!v8::Script::Compile(context, to_v8(isolate, source), &origin).ToLocal(&script)) return {};
  return script->Run(context);
}

// The runtime's hooks, for Realm::open_context(). False: says what went wrong.
bool run_bundle(v8::Local<v8::Context> context, const Sources& sources,
                v8::Local<v8::Object>& runtime) {
  v8::Isolate* const isolate = context->GetIsolate();
  const v8::TryCatch caught(isolate);
  v8::Local<v8::Value> bundle;
  v8::Local<v8::Value> warm_up;
  v8::Local<v8::Value> ignored;
  v8::Local<v8::Value> result;
  if (!run_script(context, sources.bundle, kRuntimeScript).ToLocal(&bundle) ||
      !run_script(context, sources.warm_up, "warm_up.js").ToLocal(&warm_up) ||
      !call_script(context, warm_up, bundle).ToLocal(&ignored)) {
    return report(context, caught);
  }
  isolate->PerformMicrotaskCheckpoint();
  if (!call_script(context, bundle, make_host(context)).ToLocal(&result)) {
    return report(context, caught);
  }
  runtime = result.As<v8::Object>();
  return true;
}

int make_snapshot(const Sources& sources, const char* output) {
  v8::SnapshotCreator creator(external_references());
  v8::Isolate* const isolate = creator.GetIsolate();
  {
    const v8::HandleScope handles(isolate);
    const v8::Local<v8::Context> context = v8::Context::New(isolate);
    const v8::Context::Scope scope(context);
    v8::Local<v8::Object> runtime;
    if (!run_bundle(context, sources, runtime)) return 1;
    creator.SetDefaultContext(context);
    creator.AddData(context, runtime);
  }
  const v8::StartupData blob = creator.CreateBlob(v8::SnapshotCreator::FunctionCodeHandling::kKeep);
  const std::unique_ptr<const char[]> owned(blob.data);  // NOLINT(*-c-arrays): V8's way
  if (blob.data == nullptr) {
    std::fprintf(stderr, "isopop-mksnapshot: V8 could not make a snapshot\n");
    return 1;
  }
  std::ofstream file(output, std::ios::binary | std::ios::trunc);
  file.write(blob.data, blob.raw_size);
  file.close();
  if (!file) {
    std::fprintf(stderr, "isopop-mksnapshot: cannot write %s\n", output);
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace isopop::executor

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: isopop-mksnapshot BUNDLE.js WARM_UP.js OUTPUT\n");
    return 2;
  }
  const isopop::executor::Sources sources{.bundle = isopop::executor::read_source(argv[1]),
                                          .warm_up = isopop::executor::read_source(argv[2])};
  if (sources.bundle.empty() || sources.warm_up.empty()) {
    std::fprintf(stderr, "isopop-mksnapshot: cannot read %s or %s\n", argv[1], argv[2]);
    return 1;
  }
  const isopop::SystemClock clock;
  const isopop::executor::FrozenClock frozen_clock(clock);
  const isopop::executor::V8System v8_system(frozen_clock);
  return isopop::executor::make_snapshot(sources, argv[3]);
}
