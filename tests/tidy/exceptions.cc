#include "tests/tidy/exceptions.h"

namespace isopop::tidy {

const std::vector<Exception>& exceptions() {
  static const std::vector<Exception> list = {
      {"banned-word", "common/time/clock.cc", "_clock::now",
       "the one place that asks for the time"},
      {"banned-word", "common/rpc/rpc.cc", "system_clock::now",
       "gRPC takes deadlines as points of the system's clock"},
      {"banned-word", "sim/rpc/control_client.cc", "system_clock::now",
       "gRPC takes deadlines as points of the system's clock"},
      {"banned-word", "tests/support/wait.h", "", "what waits on conditions for all tests"},
      {"banned-word", "common/app/app.cc", "throw",
       "CLI11 takes errors of callbacks as exceptions"},
      {"size", "tests/unit/pop_node/pool_policy_test.cc", "the function has",
       "one model of random events: apart it would need its state passed around"},
      {"banned-word", "pop_node/executor/sandbox_filter.cc", "gettimeofday",
       "the list of system calls, which others make"},
      {"machine", "tests/tidy/", "", "holds the words it forbids"},
      {"todo", "tests/tidy/", "", "holds the words it forbids"},
      {"url", "tests/tidy/rules_test.cc", "registry.", "a host that the rule must find"},
  };
  return list;
}

bool covers(const Exception& exception, const Finding& finding) {
  if (exception.rule != finding.rule) return false;
  const bool is_there = exception.path.ends_with('/') ? finding.path.starts_with(exception.path)
                                                      : finding.path == exception.path;
  return is_there && finding.message.find(exception.word) != std::string::npos;
}

}  // namespace isopop::tidy
