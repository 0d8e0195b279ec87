#pragma once

#include <v8.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "pop_node/executor/frames.h"

namespace isopop::executor {

// The modules of one worker in one isolate: finds, compiles, links and runs them. ES modules import
// each other by relative paths; text, data, JSON and wasm modules have one default export. Nothing
// outside of the bundle can be imported. Belongs to one Realm, which stands in the isolate's slot
// kRealmSlot; the bundle outlives it.
class ModuleGraph {
 public:
  ModuleGraph(v8::Isolate* isolate, const Bundle& bundle) : isolate_(isolate), bundle_(bundle) {}

  // Compiles the main module and everything it imports, and links them. A fault names the module
  // and the line: a syntax error, an import that cannot be resolved, a broken wasm or JSON module.
  [[nodiscard]] std::optional<WorkerFault> compile(v8::Local<v8::Context> context);

  // Starts the top level; the promise of its end. Empty when it was terminated.
  [[nodiscard]] v8::MaybeLocal<v8::Promise> evaluate(v8::Local<v8::Context> context);

  // The exports of the main module. To be called after its top level has ended.
  [[nodiscard]] v8::Local<v8::Object> main_namespace() const;

  // import() in a running worker: a promise for the module's exports.
  [[nodiscard]] v8::MaybeLocal<v8::Promise> import_dynamically(v8::Local<v8::Context> context,
                                                               std::string_view referrer,
                                                               std::string_view specifier);

  // wasm modules of the bundle may be compiled, wasm made at run time may not.
  [[nodiscard]] bool compiling_wasm() const { return compiling_wasm_; }

  // The name that "./x.js" or "../x.js" in `referrer` means; nullopt for anything else.
  [[nodiscard]] static std::optional<std::string> resolve(std::string_view referrer,
                                                          std::string_view specifier);

 private:
  [[nodiscard]] const ModuleSource* find_source(std::string_view name) const;
  [[nodiscard]] std::optional<WorkerFault> compile_all(v8::Local<v8::Context> context,
                                                       const std::string& root);
  [[nodiscard]] std::optional<WorkerFault> compile_one(v8::Local<v8::Context> context,
                                                       const ModuleSource& source);
  [[nodiscard]] std::optional<WorkerFault> compile_script(v8::Local<v8::Context> context,
                                                          const ModuleSource& source);
  [[nodiscard]] std::optional<WorkerFault> make_value(v8::Local<v8::Context> context,
                                                      const ModuleSource& source);
  [[nodiscard]] v8::MaybeLocal<v8::Module> linked(std::string_view referrer,
                                                  std::string_view specifier) const;
  [[nodiscard]] std::string name_of(v8::Local<v8::Module> module) const;

  static v8::MaybeLocal<v8::Module> link(v8::Local<v8::Context> context,
                                         v8::Local<v8::String> specifier,
                                         v8::Local<v8::FixedArray> assertions,
                                         v8::Local<v8::Module> referrer);
  static v8::MaybeLocal<v8::Value> set_default(v8::Local<v8::Context> context,
                                               v8::Local<v8::Module> module);

  v8::Isolate* isolate_;
  const Bundle& bundle_;
  bool compiling_wasm_ = false;
  std::map<std::string, v8::Global<v8::Module>, std::less<>> modules_;
  std::multimap<int, std::string> names_;  // by identity hash, which need not be unique
  std::map<std::string, v8::Global<v8::Value>, std::less<>> values_;  // of modules that are no code
};

}  // namespace isopop::executor
