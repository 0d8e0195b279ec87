#include "tests/hostile/hostile_case.h"

namespace isopop::hostile {
namespace {

HostileCase tries(const std::string& name, const std::string& answer) {
  HostileCase hostile;
  hostile.family = "clocks";
  hostile.name = name;
  hostile.steps = {{"/", answers(answer)}, {"/again", answers(answer)}};
  hostile.modes = every_mode();
  hostile.limits.set_cpu_ms(5'000);
  return hostile;
}

}  // namespace

std::vector<HostileCase> clock_cases() {
  return {
      tries("date_now", "passed: 0"),
      tries("performance_now", "passed: 0"),
      tries("time_as_text", "stood still"),
      tries("timers_as_clock", "passed: 0"),
      tries("console_timer", "passed: 0"),
      tries("collected_objects", "passed: 0"),
      tries("long_ago_and_far_away", "fired: 8 of 8"),
  };
}

}  // namespace isopop::hostile
