// Each hostile worker in a real PoP, beside a well-behaved one that is asked without a pause.

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <iterator>
#include <map>

#include "common/files/files.h"
#include "common/hash/hash.h"
#include "tests/hostile/hostile_case.h"
#include "tests/hostile/neighbour.h"
#include "tests/integration/pop_node/pop_process.h"
#include "tests/support/wait.h"

namespace isopop::hostile {
namespace {

// The neighbour's answers before a hostile worker's first request, and from there on.
constexpr std::uint64_t kAnswersBefore = 3;
constexpr std::uint64_t kAnswersMeanwhile = 30;
constexpr int kRoundsMax = 3;
constexpr v1::Isolation kNeighboursMode = v1::ISOLATION_PRISTINE;

struct CaseInMode {
  HostileCase hostile;
  v1::Isolation isolation = v1::ISOLATION_FRESH;
};

std::string mode_name(v1::Isolation isolation) {
  switch (isolation) {
    case v1::ISOLATION_PRISTINE:
      return "pristine";
    case v1::ISOLATION_WARM:
      return "warm";
    default:
      return "fresh";
  }
}

std::string read_source(const std::string& path) {
  const Result<std::string> text =
      read_file(std::filesystem::path(ISOPOP_SOURCE_DIR) / "tests/hostile" / path);
  EXPECT_TRUE(text.ok()) << path;
  return text.ok() ? text.value() : std::string();
}

void add_module(v1::Bundle& bundle, const std::string& name, const std::string& path) {
  v1::Module& module = *bundle.add_modules();
  module.set_name(name);
  module.set_type(path.ends_with(".wasm") ? v1::MODULE_TYPE_WASM : v1::MODULE_TYPE_ES_MODULE);
  module.set_content(read_source(path));
}

pop::TestWorker worker_of(const CaseInMode& tested) {
  const HostileCase& hostile = tested.hostile;
  v1::Bundle bundle;
  bundle.set_main_module("index.js");
  add_module(bundle, "attack.js", "support/attack.js");
  add_module(bundle, "index.js", hostile.family + "/" + hostile.name + ".js");
  for (const std::string& name : hostile.modules) add_module(bundle, name, "support/" + name);
  pop::TestWorker worker = pop::make_worker("hostile", 1, "", tested.isolation);
  worker.bundle = bundle.SerializeAsString();
  worker.version.set_bundle_sha256(sha256_hex(worker.bundle));
  worker.version.set_bundle_bytes(worker.bundle.size());
  *worker.version.mutable_settings()->mutable_limits() = hostile.limits;
  return worker;
}

std::vector<CaseInMode> all_cases() {
  std::vector<CaseInMode> all;
  for (const auto& cases : {state_cases(), loop_cases(), memory_cases(), runtime_cases(),
                            clock_cases(), flood_cases(), native_cases(), subrequest_cases()}) {
    for (const HostileCase& hostile : cases) {
      for (const v1::Isolation isolation : hostile.modes) all.push_back({hostile, isolation});
    }
  }
  return all;
}

std::string title_of(const testing::TestParamInfo<CaseInMode>& info) {
  return info.param.hostile.title() + "_" + mode_name(info.param.isolation);
}

void PrintTo(const CaseInMode& tested, std::ostream* out) {
  *out << tested.hostile.title();
}

class PopWithHostileWorker : public testing::TestWithParam<CaseInMode> {
 protected:
  PopWithHostileWorker() {
    EXPECT_FALSE(pop_.address().empty()) << pop_.log();
    EXPECT_TRUE(control_.wait_connected());
  }
  void deploy(const pop::TestWorker& worker) {
    const auto answer = control_.deploy(worker);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    ASSERT_TRUE(answer.value().acked) << answer.value().error;
  }
  void take(const Step& step) {
    SCOPED_TRACE("path " + step.path);
    const Result<pop::RawResponse> answer =
        pop::request(pop_.address(), "hostile.example", step.path);
    ASSERT_TRUE(answer.ok()) << answer.error().message << "\n" << pop_.log();
    const pop::RawResponse& got = answer.value();
    EXPECT_FALSE(got.headers.contains("forged"));
    if (step.expected.status == 0) {
      EXPECT_TRUE(got.status == 200 || got.body.starts_with(step.expected.body)) << got.body;
      return;
    }
    EXPECT_EQ(got.status, step.expected.status) << got.body;
    if (!step.expected.limit.empty()) ++breaches_[step.expected.limit];
    if (step.expected.status != 200) {
      EXPECT_TRUE(got.body.starts_with(step.expected.body))
          << got.body << "expected: " << step.expected.body;
    } else if (step.expected.body == broken_off().body) {
      EXPECT_FALSE(got.complete);
    } else {
      EXPECT_EQ(got.body, step.expected.body);
    }
  }
  void take_all() {
    for (const Step& step : GetParam().hostile.steps) take(step);
    // What it has broken in an environment that is kept is its own; but it gets an answer.
    for (const Step& step : GetParam().hostile.steps_unless_warm) {
      take(GetParam().isolation == v1::ISOLATION_WARM ? Step{step.path, any()} : step);
    }
  }
  // Restores bring back no counter: each breach that a client was told of is in the metrics, and
  // one behind an answer is there in time.
  void expect_breaches_counted() const {
    for (const auto& [limit, count] : breaches_) {
      const std::string metric =
          "isopop_pop_worker_limit_breaches_total{worker=\"hostile\",limit=\"" + limit + "\"}";
      EXPECT_TRUE(test::wait_until([&] { return pop_.metric(metric) >= count; })) << limit;
    }
  }
  // The PoP has come through it, and ends as it should, with everything it started.
  void expect_whole_pop() {
    EXPECT_FALSE(pop_.child().poll_exit()) << pop_.log();
    const std::optional<ExitStatus> status = pop_.stop(SIGTERM);
    ASSERT_TRUE(status) << pop_.log();
    EXPECT_TRUE(status->success()) << status->describe() << "\n" << pop_.log();
    EXPECT_TRUE(test::wait_until([this] { return pop_.executors().empty(); }));
  }

  std::map<std::string, int> breaches_;
  pop::TestControlPlane control_;
  pop::PopProcess pop_{control_.address(), {.executor = executor(), .arguments = {}}};

 private:
  static std::filesystem::path executor() {
    const std::string& program = GetParam().hostile.program;
    return program.empty() ? std::filesystem::path() : program_folder() / program;
  }
};

class Hostile : public PopWithHostileWorker {};
INSTANTIATE_TEST_SUITE_P(Workers, Hostile, testing::ValuesIn(all_cases()), title_of);

TEST_P(Hostile, IsContainedAndItsNeighbourServed) {
  deploy(Neighbour::worker(kNeighboursMode));
  deploy(worker_of(GetParam()));
  Neighbour neighbour(pop_.address());
  ASSERT_TRUE(neighbour.is_served(kAnswersBefore)) << neighbour.stop() << pop_.log();
  const std::uint64_t before = neighbour.answered();
  // An environment that is kept is broken after the first.
  const int rounds_max = GetParam().isolation == v1::ISOLATION_WARM ? 1 : kRoundsMax;
  int rounds = 0;
  do {
    take_all();
  } while (neighbour.answered() < before + kAnswersMeanwhile && ++rounds < rounds_max &&
           !HasFailure());
  // Also after what has been done.
  EXPECT_TRUE(neighbour.is_served(kAnswersMeanwhile));
  EXPECT_EQ(neighbour.stop(), "") << pop_.log();
  EXPECT_GE(neighbour.answered(), before + kAnswersMeanwhile);
  expect_breaches_counted();
  expect_whole_pop();
}

std::vector<CaseInMode> found_when_warm() {
  std::vector<CaseInMode> found;
  for (const HostileCase& hostile : state_cases()) {
    if (hostile.is_found_when_warm) found.push_back({hostile, v1::ISOLATION_WARM});
  }
  return found;
}

class StateLeftBehind : public PopWithHostileWorker {};
INSTANTIATE_TEST_SUITE_P(Workers, StateLeftBehind, testing::ValuesIn(found_when_warm()), title_of);

// The same probes where the environment is kept, to show that they find what is there.
TEST_P(StateLeftBehind, IsFoundInAnEnvironmentThatIsKept) {
  deploy(worker_of(GetParam()));
  take({"/first", answers("clean")});
  const Result<pop::RawResponse> second =
      pop::request(pop_.address(), "hostile.example", "/second");
  ASSERT_TRUE(second.ok()) << second.error().message;
  // Or nothing at all: with what it left, the platform does not work any more.
  EXPECT_TRUE(second.value().body.starts_with("found") ||
              second.value().body.starts_with(exception().body))
      << second.value().body;
}

}  // namespace
}  // namespace isopop::hostile
