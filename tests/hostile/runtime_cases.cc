#include "tests/hostile/hostile_case.h"

namespace isopop::hostile {
namespace {

// What it breaks is its own; the next request finds the platform whole.
HostileCase tries(const std::string& name, std::vector<Step> steps,
                  std::vector<std::string> modules = {}) {
  HostileCase hostile;
  hostile.family = "runtime";
  hostile.name = name;
  hostile.steps = std::move(steps);
  hostile.steps_unless_warm = {{"/well", answers("well")}};
  hostile.modes = every_mode();
  hostile.limits.set_cpu_ms(5'000);
  hostile.limits.set_wall_ms(5'000);
  hostile.modules = std::move(modules);
  return hostile;
}

}  // namespace

std::vector<HostileCase> runtime_cases() {
  return {
      tries("promise_then_replaced", {{"/", answers("whole")}}),
      tries("promise_replaced", {{"/", answers("whole")}}),
      tries("promise_species", {{"/", answers("whole")}}),
      tries("object_prototype_setters", {{"/", answers("whole")}}),
      tries("object_prototype_then", {{"/", answers("taken over")}}),
      tries("array_species", {{"/", answers("whole")}}),
      tries("array_iterator_replaced", {{"/", answers("whole")}}),
      tries("array_methods_replaced", {{"/", answers("whole")}}),
      tries("array_index_setters", {{"/", exception()}}),
      tries("string_methods_replaced", {{"/", answers("whole")}}),
      tries("map_methods_replaced", {{"/", answers("whole")}}),
      tries("function_methods_replaced", {{"/", answers("whole")}}),
      tries("regexp_exec_replaced", {{"/", invalid()}}),
      tries("conversions_replaced", {{"/", answers("whole")}}),
      tries("everything_frozen", {{"/", answers("whole")}}),
      tries("every_global_deleted", {{"/", answers("whole")}}),
      tries("instance_of_response", {{"/", exception()}}),
      tries("proxy_of_response", {{"/", exception()}}),
      tries("answer_used_twice", {{"/", exception()}}),
      tries("throws_nonsense", {{"/null", exception()},
                                {"/undefined", exception()},
                                {"/symbol", exception()},
                                {"/revoked", exception()},
                                {"/bare", exception()},
                                {"/getters", exception()},
                                {"/string", exception()}}),
      tries("code_from_strings", {{"/", answers("whole")}}),
      tries("shared_memory", {{"/", answers("whole")}}),
      tries("functions_of_the_host", {{"/", answers("whole")}}),
      tries("stack_exhaustion_caught", {{"/", answers("RangeError")}}, {"state.wasm"}),
      tries("stack_exhaustion_uncaught", {{"/", exception()}}),
      tries("stack_exhaustion_in_platform", {{"/", answers("whole")}}),
      tries("nested_data", {{"/", answers("whole")}}),
      tries("prepare_stack_trace_throws", {{"/", exception()}}),
      tries("handler_changes_itself", {{"/", answers("whole")}}),
  };
}

}  // namespace isopop::hostile
