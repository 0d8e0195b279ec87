#include "sim/doctor/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "sim/doctor/rule_parts.h"
#include "tests/unit/doctor/sound_facts.h"

namespace isopop::sim::doctor {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(Judge, FindsNothingOnASoundMachine) {
  for (const Plan& plan : {Plan{}, compose_plan(330)}) {
    const std::vector<Finding> findings = judge(sound_facts(), plan);
    EXPECT_GE(findings.size(), 14U);
    for (const Finding& finding : findings) {
      EXPECT_EQ(finding.verdict, Verdict::kOk) << finding.name << ": " << finding.found;
      EXPECT_EQ(finding.fix, "") << finding.name;
      EXPECT_NE(finding.found, "") << finding.name;
      EXPECT_FALSE(finding.blocks_start()) << finding.name;
    }
  }
}

// Each number at its edge: as much as is needed is enough, one less is not.
struct Edge {
  std::string name;
  Plan plan;
  std::function<void(HostFacts&, std::uint64_t)> leave;  // makes so much be left
  std::uint64_t needed;
  Verdict when_short;
  std::string fix_part;
};

class Edges : public testing::TestWithParam<Edge> {};

TEST_P(Edges, AreWhereTheyAreSaidToBe) {
  const Edge& edge = GetParam();
  HostFacts facts = sound_facts();
  edge.leave(facts, edge.needed);
  EXPECT_EQ(finding_named(judge(facts, edge.plan), edge.name).verdict, Verdict::kOk);

  edge.leave(facts, edge.needed - 1);
  const Finding finding = finding_named(judge(facts, edge.plan), edge.name);
  EXPECT_EQ(finding.verdict, edge.when_short);
  EXPECT_THAT(finding.fix, HasSubstr(edge.fix_part));
  EXPECT_NE(finding.needed, "");
  EXPECT_NE(finding.why, "");
}

const Plan kProcesses{.engine = Engine::kProcesses, .pops = 330};
const Plan kContainers{.engine = Engine::kCompose, .pops = 330};

std::vector<Edge> edges_of_resources() {
  return {Edge{"memory", kProcesses,
               [](HostFacts& facts, std::uint64_t left) { facts.memory_available_bytes = left; },
               330ULL * 13'300'000 + 64'000'000, Verdict::kProblem, "isopop up --pops 329"},
          Edge{"memory", kProcesses,
               [](HostFacts& facts, std::uint64_t left) {
                 facts.limits.cgroup_memory_left_bytes = left;
               },
               330ULL * 13'300'000 + 64'000'000, Verdict::kProblem, "isopop up --pops 329"},
          Edge{"memory", kContainers,
               [](HostFacts& facts, std::uint64_t left) { facts.memory_available_bytes = left; },
               332ULL * 40'000'000, Verdict::kProblem,
               "isopop up --engine compose --pops-per-container 2"},
          Edge{"tasks", kProcesses,
               [](HostFacts& facts, std::uint64_t left) { facts.pid_max = left + 500; },
               needs_of(kProcesses).tasks, Verdict::kProblem, "sudo sysctl -w kernel.pid_max=8192"},
          Edge{"tasks", kContainers,
               [](HostFacts& facts, std::uint64_t left) { facts.threads_max = left + 500; },
               needs_of(kContainers).tasks, Verdict::kProblem,
               "sudo sysctl -w kernel.threads-max=16384"},
          Edge{"cgroup-tasks", kProcesses,
               [](HostFacts& facts, std::uint64_t left) { facts.limits.cgroup_tasks_left = left; },
               needs_of(kProcesses).tasks, Verdict::kProblem, "user-$(id -u).slice TasksMax"},
          Edge{"cgroup-tasks", kContainers,
               [](HostFacts& facts, std::uint64_t left) { facts.limits.cgroup_tasks_left = left; },
               332ULL * 12, Verdict::kProblem, "docker.service TasksMax=infinity"}};
}
INSTANTIATE_TEST_SUITE_P(Resources, Edges, testing::ValuesIn(edges_of_resources()));

std::vector<Edge> edges_of_limits() {
  return {
      Edge{"user-tasks", kProcesses,
           [](HostFacts& facts, std::uint64_t left) { facts.limits.tasks_of_user = left + 100; },
           needs_of(kProcesses).tasks_of_one_user, Verdict::kProblem, "--nproc=8192:8192"},
      Edge{"user-tasks", kContainers,
           [](HostFacts& facts, std::uint64_t left) { facts.limits.tasks_of_user = left + 100; },
           needs_of(kContainers).tasks_of_one_user, Verdict::kProblem, "LimitNPROC=infinity"},
      Edge{"open-files", kProcesses,
           [](HostFacts& facts, std::uint64_t left) { facts.limits.open_files_hard = left; },
           330ULL * 8 + 1'024, Verdict::kProblem, "sudo prlimit --pid $$ --nofile=65536:65536"},
      Edge{"open-files", kContainers,
           [](HostFacts& facts, std::uint64_t left) { facts.limits.open_files_hard = left; },
           330ULL * 8 + 1'024, Verdict::kProblem, "LimitNOFILE=65536"},
      Edge{"system-files", kProcesses,
           [](HostFacts& facts, std::uint64_t left) { facts.file_max = left + 1'000; },
           needs_of(kProcesses).files_of_all, Verdict::kProblem, "sysctl -w fs.file-max=32768"},
      Edge{"state-disk", kProcesses,
           [](HostFacts& facts, std::uint64_t left) { facts.state_bytes_free = left; },
           330'000'000ULL + 50'000'000, Verdict::kProblem, ""},
      Edge{"ephemeral-ports", kProcesses,
           [](HostFacts& facts, std::uint64_t left) { facts.ephemeral_ports = left; }, 10'000,
           Verdict::kWarning, "net.ipv4.ip_local_port_range"},
      Edge{"somaxconn", kProcesses,
           [](HostFacts& facts, std::uint64_t left) { facts.somaxconn = left; }, 4'096,
           Verdict::kWarning, "sudo sysctl -w net.core.somaxconn=4096"}};
}
INSTANTIATE_TEST_SUITE_P(Limits, Edges, testing::ValuesIn(edges_of_limits()));

std::vector<Edge> edges_of_containers() {
  return {Edge{"neighbours", kContainers,
               [](HostFacts& facts, std::uint64_t left) { facts.neighbours_max = left + 3; },
               330ULL * 4 + 16, Verdict::kWarning, "net.ipv4.neigh.default.gc_thresh3=4096"},
          Edge{"inotify-instances", kContainers,
               [](HostFacts& facts, std::uint64_t left) { facts.inotify_instances = left; },
               332ULL + 32, Verdict::kWarning, "fs.inotify.max_user_instances=4096"},
          Edge{"inotify-watches", kContainers,
               [](HostFacts& facts, std::uint64_t left) { facts.inotify_watches = left; },
               2 * 332ULL + 32, Verdict::kWarning, "fs.inotify.max_user_watches=4096"},
          Edge{"docker-disk", kContainers,
               [](HostFacts& facts, std::uint64_t left) { facts.engine_bytes_free = left; },
               332'000'000ULL + 50'000'000, Verdict::kProblem, ""}};
}
INSTANTIATE_TEST_SUITE_P(Containers, Edges, testing::ValuesIn(edges_of_containers()));

TEST(Judge, SaysUnknownWhereNothingCouldBeRead) {
  for (const Engine engine : {Engine::kProcesses, Engine::kCompose}) {
    HostFacts facts;
    if (engine == Engine::kCompose) {
      facts.engine = EngineFacts{.state = EngineFacts::State::kAnswers};
    }
    for (const Finding& finding : judge(facts, {.engine = engine})) {
      // These two depend on no fact that can be missing.
      if (finding.name == "bridge-ports" || finding.name == "docker") continue;
      EXPECT_EQ(finding.verdict, Verdict::kUnknown) << finding.name << ": " << finding.found;
      EXPECT_THAT(finding.found, HasSubstr("cannot be read from")) << finding.name;
    }
  }
}

TEST(Judge, LacksMemoryOnlyWhereItCouldBeRead) {
  HostFacts facts = sound_facts();
  facts.memory_available_bytes.reset();
  EXPECT_EQ(finding_named(judge(facts, {}), "memory").verdict, Verdict::kUnknown);
  facts = sound_facts();
  facts.limits.cgroup_memory_left_bytes.reset();
  EXPECT_EQ(finding_named(judge(facts, {}), "memory").verdict, Verdict::kOk);
}

TEST(Judge, TakesTheControlGroupsMemoryForProcessesOnly) {
  HostFacts facts = sound_facts();
  facts.limits.cgroup_memory_left_bytes = 1'000'000'000;
  const Finding finding = finding_named(judge(facts, {}), "memory");
  EXPECT_EQ(finding.verdict, Verdict::kProblem);
  EXPECT_TRUE(finding.blocks_start());
  EXPECT_THAT(finding.found, HasSubstr("to this control group"));
  EXPECT_EQ(finding_named(judge(facts, compose_plan(330)), "memory").verdict, Verdict::kOk);
}

TEST(Judge, OffersNoSmallerNetworkWhereNotEvenOnePopFits) {
  HostFacts facts = sound_facts();
  facts.memory_available_bytes = 1;
  const Finding finding = finding_named(judge(facts, {}), "memory");
  EXPECT_EQ(finding.verdict, Verdict::kProblem);
  EXPECT_EQ(finding.fix, "");
}

TEST(Judge, OffersFewerPopsWhereNoFewerContainersHelp) {
  HostFacts facts = sound_facts();
  facts.memory_available_bytes = 1'000'000'000;
  EXPECT_EQ(finding_named(judge(facts, compose_plan(330)), "memory").fix,
            "isopop up --engine compose --pops 23");
  facts.memory_available_bytes = 6'000'000'000;
  EXPECT_EQ(finding_named(judge(facts, compose_plan(330)), "memory").fix,
            "isopop up --engine compose --pops-per-container 6");
}

TEST(Judge, KeepsWhatThePlanSaysInItsOffers) {
  HostFacts facts = sound_facts();
  facts.ports_taken = std::set<std::uint16_t>{8080};
  const Plan plan{.engine = Engine::kCompose, .pops = 330, .pops_per_container = 10};
  EXPECT_EQ(finding_named(judge(facts, plan), "port").fix,
            "isopop up --engine compose --pops-per-container 10 --port 8081");
}

TEST(Judge, RaisesBothLimitsOfTasksWhenBothAreShort) {
  HostFacts facts = sound_facts();
  facts.pid_max = 1'000;
  facts.threads_max = 1'000;
  EXPECT_EQ(finding_named(judge(facts, {}), "tasks").fix,
            "sudo sysctl -w kernel.pid_max=8192 kernel.threads-max=8192");
}

TEST(Judge, ExemptsRootFromTheLimitOfAUsersTasks) {
  HostFacts facts = sound_facts();
  facts.is_root = true;
  facts.limits.tasks_of_user = 1;
  EXPECT_EQ(finding_named(judge(facts, {}), "user-tasks").verdict, Verdict::kOk);
  // The image's user is not root.
  EXPECT_EQ(finding_named(judge(facts, compose_plan(330)), "user-tasks").verdict,
            Verdict::kProblem);
}

TEST(Judge, TellsRootNoSudo) {
  HostFacts facts = sound_facts();
  facts.somaxconn = 128;
  EXPECT_THAT(finding_named(judge(facts, {}), "somaxconn").fix, StartsWith("sudo sysctl"));
  facts.is_root = true;
  EXPECT_THAT(finding_named(judge(facts, {}), "somaxconn").fix, StartsWith("sysctl"));
}

TEST(Judge, RaisesTheSystemsBoundBeforeALimitBeyondIt) {
  HostFacts facts = sound_facts();
  facts.limits.open_files_hard = 1'024;
  facts.nr_open = 4'096;
  EXPECT_EQ(finding_named(judge(facts, {}), "open-files").fix,
            "sudo sysctl -w fs.nr_open=65536 && sudo prlimit --pid $$ --nofile=65536:65536");
}

TEST(Judge, BlocksTheStartOnALoopbackThatIsDown) {
  HostFacts facts = sound_facts();
  facts.loopback = Attempt{.works = false, .reason = "bind 127.250.250.250: refused"};
  const Finding finding = finding_named(judge(facts, {}), "loopback");
  EXPECT_EQ(finding.verdict, Verdict::kProblem);
  EXPECT_TRUE(finding.blocks_start());
  EXPECT_EQ(finding.fix, "sudo ip link set lo up");
  EXPECT_FALSE(has_finding(judge(facts, compose_plan(6)), "loopback"));
}

TEST(Plan, CountsContainersRoundedUp) {
  EXPECT_EQ(Plan{}.containers(), 0U);
  EXPECT_EQ(compose_plan(330).containers(), 332U);
  const Plan dense{.engine = Engine::kCompose, .pops = 31, .pops_per_container = 10};
  EXPECT_EQ(dense.pop_containers(), 4U);
  EXPECT_EQ(dense.containers(), 6U);
}

TEST(Plan, NeedsLessMemoryWhenSeveralPopsShareAContainer) {
  const Plan dense{.engine = Engine::kCompose, .pops = 330, .pops_per_container = 10};
  EXPECT_EQ(needs_of(dense).memory_bytes, 35ULL * 40'000'000 + 297ULL * 13'300'000);
  EXPECT_LT(needs_of(dense).memory_bytes, needs_of(compose_plan(330)).memory_bytes);
}

TEST(RuleParts, WritesNumbersForPeople) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1'000), "1,000");
  EXPECT_EQ(count_text(1'234'567), "1,234,567");
  EXPECT_EQ(count_text(kUnlimited), "no limit");
}

TEST(RuleParts, RaisesLimitsToAPowerOfTwo) {
  EXPECT_EQ(with_room(1), 4'096U);
  EXPECT_EQ(with_room(4'097), 8'192U);
  EXPECT_EQ(with_room(kUnlimited), 1ULL << 40U);
}

TEST(RuleParts, LeavesNothingOfALimitThatIsExceeded) {
  EXPECT_EQ(left_of(10, 12), 0U);
  EXPECT_EQ(left_of(10, std::nullopt), 10U);
  EXPECT_EQ(left_of(kUnlimited, 12), kUnlimited);
  EXPECT_EQ(left_of(std::nullopt, 12), std::nullopt);
}

}  // namespace
}  // namespace isopop::sim::doctor
