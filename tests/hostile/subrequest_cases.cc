#include "tests/hostile/hostile_case.h"

namespace isopop::hostile {
namespace {

HostileCase tries(const std::string& name, const Expected& expected) {
  HostileCase hostile;
  hostile.family = "subrequests";
  hostile.name = name;
  hostile.steps = {{"/", expected}, {"/well", answers("well")}};
  hostile.modes = every_mode();
  hostile.limits.set_cpu_ms(5'000);
  hostile.limits.set_wall_ms(3'000);
  hostile.limits.set_subrequests(50);
  return hostile;
}

}  // namespace

std::vector<HostileCase> subrequest_cases() {
  return {
      tries("storm", answers("50 of 1000")),
      tries("itself", answers("refused: TypeError")),
      tries("itself_many_times", any()),
      tries("outside", answers("whole")),
      tries("pages_of_the_pop", answers("whole")),
      tries("forged_requests", answers("whole")),
      tries("answers_never_read", answers("whole")),
      tries("after_the_answer", answers("whole")),
  };
}

}  // namespace isopop::hostile
