#include "tests/hostile/hostile_case.h"

namespace isopop::hostile {
namespace {

HostileCase with_steps(const std::string& name, std::vector<Step> steps) {
  HostileCase hostile;
  hostile.family = "loops";
  hostile.name = name;
  hostile.steps = std::move(steps);
  hostile.modes = every_mode();
  hostile.limits.set_cpu_ms(50);
  // On a machine that is busy with other tests too, it is the processor's time that runs out first.
  hostile.limits.set_wall_ms(20'000);
  hostile.limits.set_top_level_cpu_ms(200);
  hostile.limits.set_heap_mib(64);
  return hostile;
}

// Uses up its CPU time; the next request is answered as if nothing had been.
HostileCase endless(const std::string& name, std::vector<std::string> modules = {}) {
  HostileCase hostile =
      with_steps(name, {{"/", cpu_limit()}, {"/well", answers("well")}, {"/", cpu_limit()}});
  hostile.modules = std::move(modules);
  return hostile;
}

// Its time runs out behind the answer. In an environment that is shared, a request that comes
// meanwhile may go down with it.
HostileCase after_the_answer() {
  HostileCase hostile = with_steps("after_the_answer", {{"/", answers_before("cpu", "answered")}});
  hostile.steps_unless_warm = {{"/well", answers("well")}};
  return hostile;
}

HostileCase never_answers() {
  HostileCase hostile =
      with_steps("never_answers", {{"/", wall_limit()}, {"/well", answers("well")}});
  hostile.limits.set_wall_ms(2'000);
  return hostile;
}

}  // namespace

std::vector<HostileCase> loop_cases() {
  return {
      endless("synchronous"),
      endless("microtasks"),
      endless("await_for_ever"),
      endless("thenable"),
      endless("regular_expression"),
      endless("json_reviver"),
      endless("json_to_json"),
      endless("sort_comparator"),
      endless("getter"),
      endless("proxy_trap"),
      endless("generator"),
      endless("async_generator"),
      endless("webassembly", {"state.wasm"}),
      endless("conversion_to_primitive"),
      endless("symbol_species"),
      endless("replace_callback"),
      endless("finally_refuses_to_end"),
      endless("big_integers"),
      endless("array_without_end"),
      endless("timers_without_end"),
      endless("stream_of_nothing"),
      endless("stack_of_the_error"),
      endless("logged_object"),
      endless("rejection_handler"),
      after_the_answer(),
      with_steps("top_level", {{"/", not_started()}, {"/well", not_started()}}),
      with_steps("top_level_promise", {{"/", not_started()}, {"/well", not_started()}}),
      never_answers(),
  };
}

}  // namespace isopop::hostile
