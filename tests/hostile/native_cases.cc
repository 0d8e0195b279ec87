#include "tests/hostile/hostile_case.h"

namespace isopop::hostile {
namespace {

// Takes its executor with it; the next request gets another.
HostileCase crashes(const std::string& name, std::vector<Step> steps,
                    std::vector<std::string> modules = {}) {
  HostileCase hostile;
  hostile.family = "native";
  hostile.name = name;
  hostile.steps = std::move(steps);
  hostile.modes = every_mode();
  hostile.limits.set_cpu_ms(5'000);
  hostile.modules = std::move(modules);
  hostile.program = "isopop-executor-crash";
  return hostile;
}

// In an environment that is shared, a request that comes meanwhile may go down with it.
HostileCase crashes_after_the_answer() {
  HostileCase hostile = crashes("after_the_answer", {{"/", answers("answered")}});
  hostile.steps_unless_warm = {{"/well", answers("well")}};
  return hostile;
}

}  // namespace

std::vector<HostileCase> native_cases() {
  return {
      crashes("null_dereference", {{"/", lost()}, {"/well", answers("well")}}),
      crashes("abort", {{"/", lost()}, {"/well", answers("well")}}),
      crashes("illegal_instruction", {{"/", lost()}, {"/well", answers("well")}}),
      crashes("silent_exit", {{"/", lost()}, {"/well", answers("well")}}),
      crashes("native_stack", {{"/", lost()}, {"/well", answers("well")}}),
      crashes("write_to_code", {{"/", lost()}, {"/well", answers("well")}}),
      crashes("in_the_middle_of_a_body", {{"/", broken_off()}, {"/well", answers("well")}}),
      crashes_after_the_answer(),
      crashes("in_the_top_level", {{"/", cannot_start()}}),
      crashes("webassembly_trap",
              {{"/", answers("RuntimeError,RuntimeError")}, {"/well", answers("well")}},
              {"state.wasm"}),
  };
}

}  // namespace isopop::hostile
