#include "pop_node/executor/module_graph.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "pop_node/executor/buffer_allocator.h"
#include "pop_node/executor/fault_reader.h"
#include "pop_node/executor/realm.h"
#include "pop_node/executor/v8_text.h"

namespace isopop::executor {
namespace {

std::string unknown_module(std::string_view specifier) {
  std::string text = "cannot find module \"" + std::string(specifier) + "\"";
  if (!specifier.starts_with('.')) {
    text += ": only modules of this worker can be imported, by a path that starts with ./ or ../";
  }
  return text;
}

}  // namespace

std::optional<WorkerFault> ModuleGraph::compile(v8::Local<v8::Context> context) {
  if (const ModuleSource* main = find_source(bundle_.main_module);
      main->type != ModuleType::kEsModule) {
    return fault_of("the main module must be an ES module", main->name);
  }
  return compile_all(context, bundle_.main_module);
}

v8::MaybeLocal<v8::Promise> ModuleGraph::evaluate(v8::Local<v8::Context> context) {
  v8::Local<v8::Value> promise;
  const v8::Local<v8::Module> main = modules_.at(bundle_.main_module).Get(isolate_);
  if (!main->Evaluate(context).ToLocal(&promise)) return {};
  return promise.As<v8::Promise>();
}

v8::Local<v8::Object> ModuleGraph::main_namespace() const {
  return modules_.at(bundle_.main_module).Get(isolate_)->GetModuleNamespace().As<v8::Object>();
}

v8::MaybeLocal<v8::Promise> ModuleGraph::import_dynamically(v8::Local<v8::Context> context,
                                                            std::string_view referrer,
                                                            std::string_view specifier) {
  v8::EscapableHandleScope handles(isolate_);
  v8::Local<v8::Promise::Resolver> resolver;
  if (!v8::Promise::Resolver::New(context).ToLocal(&resolver)) return {};
  const auto reject = [&](v8::Local<v8::Value> reason) -> v8::MaybeLocal<v8::Promise> {
    if (resolver->Reject(context, reason).IsNothing()) return {};
    return handles.Escape(resolver->GetPromise());
  };
  const std::optional<std::string> name = resolve(referrer, specifier);
  if (!name || find_source(*name) == nullptr) {
    return reject(v8::Exception::Error(to_v8(isolate_, unknown_module(specifier))));
  }
  if (const std::optional<WorkerFault> fault = compile_all(context, *name)) {
    return reject(
        v8::Exception::SyntaxError(to_v8(isolate_, fault->message + " (" + fault->module + ":" +
                                                       std::to_string(fault->line) + ")")));
  }
  const v8::Local<v8::Module> module = modules_.at(*name).Get(isolate_);
  v8::Local<v8::Value> evaluated;
  if (!module->Evaluate(context).ToLocal(&evaluated)) return {};
  // The exports, once the module's own top level has ended.
  const auto exports = [](const v8::FunctionCallbackInfo<v8::Value>& info) {
    info.GetReturnValue().Set(info.Data());
  };
  v8::Local<v8::Function> then;
  v8::Local<v8::Promise> promise;
  if (!v8::Function::New(context, exports, module->GetModuleNamespace()).ToLocal(&then) ||
      !evaluated.As<v8::Promise>()->Then(context, then).ToLocal(&promise)) {
    return {};
  }
  return handles.Escape(promise);
}

std::optional<std::string> ModuleGraph::resolve(std::string_view referrer,
                                                std::string_view specifier) {
  if (!specifier.starts_with("./") && !specifier.starts_with("../")) return std::nullopt;
  std::vector<std::string_view> parts;
  const auto walk = [&parts](std::string_view path) {
    while (true) {
      const std::size_t slash = path.find('/');
      const std::string_view part = path.substr(0, slash);
      if (part == "..") {
        if (parts.empty()) return false;
        parts.pop_back();
      } else if (part != "." && !part.empty()) {
        parts.push_back(part);
      }
      if (slash == std::string_view::npos) return true;
      path.remove_prefix(slash + 1);
    }
  };
  const std::size_t folder_end = referrer.rfind('/');
  if (folder_end != std::string_view::npos && !walk(referrer.substr(0, folder_end))) {
    return std::nullopt;
  }
  if (!walk(specifier) || parts.empty()) return std::nullopt;
  std::string name;
  for (const std::string_view part : parts) {
    if (!name.empty()) name += '/';
    name += part;
  }
  return name;
}

const ModuleSource* ModuleGraph::find_source(std::string_view name) const {
  const auto source = std::find_if(bundle_.modules.begin(), bundle_.modules.end(),
                                   [&](const ModuleSource& each) { return each.name == name; });
  return source == bundle_.modules.end() ? nullptr : &*source;
}

// Compiles a module and, one after the other, all that it imports; then links it.
std::optional<WorkerFault> ModuleGraph::compile_all(v8::Local<v8::Context> context,
                                                    const std::string& root) {
  std::vector<std::string> open{root};
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    if (modules_.contains(name)) continue;
    const ModuleSource& source = *find_source(name);
    if (std::optional<WorkerFault> fault = compile_one(context, source)) return fault;
    if (source.type != ModuleType::kEsModule) continue;
    const v8::Local<v8::Module> module = modules_.at(name).Get(isolate_);
    const v8::Local<v8::FixedArray> requests = module->GetModuleRequests();
    for (int i = 0; i < requests->Length(); ++i) {
      const auto request = requests->Get(context, i).As<v8::ModuleRequest>();
      const std::string specifier = from_v8(isolate_, request->GetSpecifier());
      const std::optional<std::string> resolved = resolve(name, specifier);
      if (!resolved || find_source(*resolved) == nullptr) {
        v8::Location place = module->SourceOffsetToLocation(request->GetSourceOffset());
        WorkerFault fault = fault_of(unknown_module(specifier), name);
        fault.line = static_cast<std::uint32_t>(place.GetLineNumber() + 1);
        fault.column = static_cast<std::uint32_t>(place.GetColumnNumber() + 1);
        return fault;
      }
      open.push_back(*resolved);
    }
  }
  const v8::TryCatch caught(isolate_);
  const v8::Local<v8::Module> module = modules_.at(root).Get(isolate_);
  if (module->InstantiateModule(context, link).FromMaybe(false)) return std::nullopt;
  return read_fault(context, caught.Exception(), caught.Message());
}

std::optional<WorkerFault> ModuleGraph::compile_one(v8::Local<v8::Context> context,
                                                    const ModuleSource& source) {
  std::optional<WorkerFault> fault = source.type == ModuleType::kEsModule
                                         ? compile_script(context, source)
                                         : make_value(context, source);
  if (!fault) {
    names_.emplace(modules_.at(source.name).Get(isolate_)->GetIdentityHash(), source.name);
  }
  return fault;
}

std::optional<WorkerFault> ModuleGraph::compile_script(v8::Local<v8::Context> context,
                                                       const ModuleSource& source) {
  const v8::TryCatch caught(isolate_);
  const v8::ScriptOrigin origin(isolate_, to_v8(isolate_, source.name), 0, 0, false, -1,
                                v8::Local<v8::Value>(), false, false, /*is_module=*/true);
  v8::ScriptCompiler::Source script(to_v8(isolate_, source.content), origin);
  v8::Local<v8::Module> module;
  if (!v8::ScriptCompiler::CompileModule(isolate_, &script).ToLocal(&module)) {
    WorkerFault fault = read_fault(context, caught.Exception(), caught.Message());
    if (fault.module.empty()) fault.module = source.name;
    return fault;
  }
  modules_.insert_or_assign(source.name, v8::Global<v8::Module>(isolate_, module));
  return std::nullopt;
}

std::optional<WorkerFault> ModuleGraph::make_value(v8::Local<v8::Context> context,
                                                   const ModuleSource& source) {
  const v8::TryCatch caught(isolate_);
  v8::Local<v8::Value> value;
  switch (source.type) {
    case ModuleType::kText:
      value = to_v8(isolate_, source.content);
      break;
    case ModuleType::kJson:
      if (!v8::JSON::Parse(context, to_v8(isolate_, source.content)).ToLocal(&value)) {
        WorkerFault fault = read_fault(context, caught.Exception(), caught.Message());
        fault.module = source.name;
        return fault;
      }
      break;
    case ModuleType::kWasm: {
      compiling_wasm_ = true;
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(source.content.data());
      v8::Local<v8::WasmModuleObject> compiled;
      const bool ok = v8::WasmModuleObject::Compile(isolate_, {bytes, source.content.size()})
                          .ToLocal(&compiled);
      compiling_wasm_ = false;
      if (!ok) {
        WorkerFault fault = caught.HasCaught()
                                ? read_fault(context, caught.Exception(), caught.Message())
                                : fault_of("not a valid WebAssembly module");
        fault.module = source.name;
        return fault;
      }
      value = compiled;
      break;
    }
    default: {
      v8::Local<v8::ArrayBuffer> buffer;
      if (!new_buffer(isolate_, source.content.size()).ToLocal(&buffer)) {
        return fault_of("no memory for this module", source.name);
      }
      std::copy(source.content.begin(), source.content.end(),
                static_cast<char*>(buffer->GetBackingStore()->Data()));
      value = buffer;
    }
  }
  const v8::Local<v8::Module> module = v8::Module::CreateSyntheticModule(
      isolate_, to_v8(isolate_, source.name), {name_v8(isolate_, "default")}, set_default);
  modules_.insert_or_assign(source.name, v8::Global<v8::Module>(isolate_, module));
  values_.insert_or_assign(source.name, v8::Global<v8::Value>(isolate_, value));
  return std::nullopt;
}

v8::MaybeLocal<v8::Module> ModuleGraph::linked(std::string_view referrer,
                                               std::string_view specifier) const {
  const std::optional<std::string> name = resolve(referrer, specifier);
  const auto module = name ? modules_.find(*name) : modules_.end();
  if (module == modules_.end()) {
    isolate_->ThrowException(v8::Exception::Error(to_v8(isolate_, unknown_module(specifier))));
    return {};
  }
  return module->second.Get(isolate_);
}

std::string ModuleGraph::name_of(v8::Local<v8::Module> module) const {
  const auto [first, last] = names_.equal_range(module->GetIdentityHash());
  for (auto entry = first; entry != last; ++entry) {
    if (modules_.at(entry->second).Get(isolate_) == module) return entry->second;
  }
  return {};
}

v8::MaybeLocal<v8::Module> ModuleGraph::link(v8::Local<v8::Context> context,
                                             v8::Local<v8::String> specifier,
                                             v8::Local<v8::FixedArray> /*assertions*/,
                                             v8::Local<v8::Module> referrer) {
  v8::Isolate* const isolate = context->GetIsolate();
  const ModuleGraph& graph = Realm::of(isolate).modules();
  return graph.linked(graph.name_of(referrer), from_v8(isolate, specifier));
}

v8::MaybeLocal<v8::Value> ModuleGraph::set_default(v8::Local<v8::Context> context,
                                                   v8::Local<v8::Module> module) {
  v8::Isolate* const isolate = context->GetIsolate();
  const ModuleGraph& graph = Realm::of(isolate).modules();
  const v8::Local<v8::Value> value = graph.values_.at(graph.name_of(module)).Get(isolate);
  v8::Local<v8::Promise::Resolver> resolver;
  if (module->SetSyntheticModuleExport(isolate, name_v8(isolate, "default"), value).IsNothing() ||
      !v8::Promise::Resolver::New(context).ToLocal(&resolver) ||
      resolver->Resolve(context, v8::Undefined(isolate)).IsNothing()) {
    return {};
  }
  return resolver->GetPromise();
}

}  // namespace isopop::executor
