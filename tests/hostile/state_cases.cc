#include "tests/hostile/hostile_case.h"

namespace isopop::hostile {
namespace {

// Whether the worker finds what it left when its environment is kept: the proof that its probe
// works.
enum class Kept { kWhenWarm, kNever };

// Each request finds nothing, and leaves something for the next.
HostileCase leaves_nothing(const std::string& name, Kept kept = Kept::kWhenWarm,
                           std::vector<std::string> modules = {}) {
  HostileCase hostile;
  hostile.family = "state";
  hostile.name = name;
  hostile.steps = {
      {"/first", answers("clean")}, {"/second", answers("clean")}, {"/third", answers("clean")}};
  hostile.modes = sealing_modes();
  hostile.limits.set_cpu_ms(5'000);
  hostile.modules = std::move(modules);
  hostile.is_found_when_warm = kept == Kept::kWhenWarm;
  return hostile;
}

}  // namespace

std::vector<HostileCase> state_cases() {
  return {
      leaves_nothing("global_variable"),
      leaves_nothing("global_functions_replaced"),
      leaves_nothing("globals_deleted"),
      leaves_nothing("object_prototype"),
      leaves_nothing("array_prototype_method"),
      leaves_nothing("prototypes_frozen"),
      leaves_nothing("prototype_chain"),
      leaves_nothing("iterator_prototype"),
      leaves_nothing("closure"),
      leaves_nothing("module_binding"),
      leaves_nothing("module_of_another_file", Kept::kWhenWarm, {"drawer.js"}),
      leaves_nothing("dynamic_import", Kept::kWhenWarm, {"drawer.js"}),
      leaves_nothing("class_static"),
      leaves_nothing("function_property"),
      leaves_nothing("generator_half_way"),
      leaves_nothing("map_content"),
      leaves_nothing("regexp_statics"),
      leaves_nothing("regexp_last_index"),
      leaves_nothing("intl_caches"),
      leaves_nothing("weak_reference"),
      leaves_nothing("weak_map_entry"),
      leaves_nothing("finalization_registry", Kept::kNever),
      leaves_nothing("unresolved_promise"),
      leaves_nothing("rejected_promise"),
      leaves_nothing("timer_left_running", Kept::kNever),
      leaves_nothing("wait_until_afterwards", Kept::kNever),
      leaves_nothing("wasm_memory", Kept::kWhenWarm, {"state.wasm"}),
      leaves_nothing("wasm_global", Kept::kWhenWarm, {"state.wasm"}),
      leaves_nothing("wasm_table", Kept::kWhenWarm, {"state.wasm"}),
      leaves_nothing("symbol_registry"),
      leaves_nothing("prepare_stack_trace"),
      leaves_nothing("stack_trace_limit"),
      leaves_nothing("environment"),
      leaves_nothing("exported_handler"),
      leaves_nothing("web_prototypes"),
      leaves_nothing("detached_buffer"),
      leaves_nothing("buffer_content"),
      leaves_nothing("secrets_in_new_memory", Kept::kNever, {"state.wasm"}),
      leaves_nothing("decoder_state"),
      leaves_nothing("locked_stream"),
      leaves_nothing("abort_signal"),
      leaves_nothing("event_listener"),
      leaves_nothing("kept_request"),
      leaves_nothing("kept_context"),
      leaves_nothing("random_replaced"),
      leaves_nothing("clock_replaced"),
      leaves_nothing("optimised_code"),
      leaves_nothing("large_objects"),
      leaves_nothing("collected_garbage"),
      leaves_nothing("neighbours_secret", Kept::kNever, {"state.wasm"}),
  };
}

}  // namespace isopop::hostile
