#include "tests/hostile/hostile_case.h"

namespace isopop::hostile {
namespace {

HostileCase with_steps(const std::string& name, std::vector<Step> steps,
                       std::vector<std::string> modules = {}) {
  HostileCase hostile;
  hostile.family = "memory";
  hostile.name = name;
  hostile.steps = std::move(steps);
  hostile.modes = every_mode();
  // Memory is what must run out, not time; and not much of it, for the machine's sake.
  hostile.limits.set_cpu_ms(20'000);
  hostile.limits.set_wall_ms(30'000);
  hostile.limits.set_top_level_cpu_ms(20'000);
  hostile.limits.set_heap_mib(32);
  hostile.limits.set_memory_mib(64);
  hostile.modules = std::move(modules);
  return hostile;
}

// Uses up its memory; the next request is answered as if nothing had been.
HostileCase bomb(const std::string& name, std::vector<std::string> modules = {}) {
  return with_steps(name, {{"/", memory_limit()}, {"/well", answers("well")}}, std::move(modules));
}

// Its memory runs out behind the answer. In an environment that is shared, a request that comes
// meanwhile may go down with it.
HostileCase wait_until() {
  HostileCase hostile = with_steps("wait_until", {{"/", answers_before("memory", "answered")}});
  hostile.steps_unless_warm = {{"/well", answers("well")}};
  return hostile;
}

// It survives every exception, so that only its time can end it.
HostileCase catch_and_go_on() {
  HostileCase hostile =
      with_steps("catch_and_go_on", {{"/", cpu_limit()}, {"/well", answers("well")}});
  hostile.limits.set_cpu_ms(500);
  return hostile;
}

// The bytes between original and copy are not in the heap, which is to run out first here: when the
// other memory does, the worker gets an exception.
HostileCase structured_clone() {
  HostileCase hostile = bomb("structured_clone");
  hostile.limits.set_memory_mib(512);
  return hostile;
}

}  // namespace

std::vector<HostileCase> memory_cases() {
  return {
      bomb("strings"),
      bomb("rope_strings"),
      bomb("arrays"),
      bomb("one_large_array"),
      with_steps("array_buffers", {{"/", answers("RangeError after less than 100 MiB: true")},
                                   {"/well", answers("well")}}),
      bomb("map"),
      bomb("set_of_symbols"),
      bomb("closures"),
      bomb("linked_list"),
      bomb("webassembly_grow", {"state.wasm"}),
      bomb("webassembly_instances", {"state.wasm"}),
      bomb("promises"),
      bomb("big_integers"),
      bomb("classes"),
      bomb("regular_expressions"),
      bomb("error_stacks"),
      bomb("stream_queue"),
      bomb("infinite_iterator"),
      bomb("json_text"),
      structured_clone(),
      catch_and_go_on(),
      with_steps("huge_text", {{"/", memory_limit()}, {"/well", answers("well")}}),
      with_steps("top_level", {{"/", not_started()}, {"/well", not_started()}}),
      wait_until(),
  };
}

}  // namespace isopop::hostile
