#include "tests/hostile/hostile_case.h"

namespace isopop::hostile {
namespace {

HostileCase tries(const std::string& name, std::vector<Step> steps) {
  HostileCase hostile;
  hostile.family = "floods";
  hostile.name = name;
  hostile.steps = std::move(steps);
  hostile.steps.push_back({"/well", answers("well")});
  hostile.modes = every_mode();
  hostile.limits.set_cpu_ms(10'000);
  hostile.limits.set_wall_ms(3'000);
  hostile.limits.set_heap_mib(512);
  hostile.limits.set_memory_mib(768);
  return hostile;
}

// As long as the wall limit lets it.
HostileCase body_without_end() {
  HostileCase hostile = tries("body_without_end", {{"/", broken_off()}});
  hostile.limits.set_wall_ms(250);
  return hostile;
}

// Slow, but within the limits of a worker that is allowed to be slow.
HostileCase many_promises() {
  HostileCase hostile = tries("many_promises", {{"/", answers("sum 200000")}});
  hostile.limits.set_wall_ms(30'000);
  return hostile;
}

}  // namespace

std::vector<HostileCase> flood_cases() {
  return {
      tries("log_lines", {{"/", answers("whole")}}),
      tries("log_line_without_end", {{"/", answers("whole")}}),
      tries("log_control_characters", {{"/", answers("whole")}}),
      tries("uncaught_rejections", {{"/", answers("whole")}}),
      many_promises(),
      tries("timers", {{"/", answers("refused: true")}}),
      tries("intervals_at_zero", {{"/", answers("whole")}}),
      tries("wait_until", {{"/", answers("whole")}}),
      tries("many_headers", {{"/", invalid()}}),
      tries("huge_header", {{"/", exception()}}),
      tries("cookies", {{"/", invalid()}}),
      tries("headers_of_the_connection", {{"/", answers("whole")}}),
      tries("header_splitting", {{"/", answers("whole")}}),
      tries("huge_status_text", {{"/", exception()}}),
      body_without_end(),
      tries("body_in_crumbs", {{"/", answers(std::string(30'000, 'x') + ".")}}),
      tries("body_of_nonsense", {{"/text", broken_off()},
                                 {"/number", broken_off()},
                                 {"/object", broken_off()},
                                 {"/none", broken_off()}}),
      tries("body_changes_under_way", {{"/", answers(std::string(1'000, 'a'))}}),
      tries("tee_unread", {{"/", answers(std::string(20'000'000, '\0'))}}),
  };
}

}  // namespace isopop::hostile
