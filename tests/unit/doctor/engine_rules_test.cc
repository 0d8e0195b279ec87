#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/doctor/rules.h"
#include "tests/unit/doctor/sound_facts.h"

namespace isopop::sim::doctor {
namespace {

using testing::HasSubstr;

Finding judged(const HostFacts& facts, const std::string& name, std::size_t pops = 330) {
  return finding_named(judge(facts, compose_plan(pops)), name);
}

HostFacts facts_with_state(EngineFacts::State state) {
  HostFacts facts = sound_facts();
  facts.engine = EngineFacts{.state = state, .message = "as the client said"};
  return facts;
}

TEST(JudgeEngine, TellsApartWhyDockerDoesNotAnswer) {
  using State = EngineFacts::State;
  struct Case {
    State state;
    std::string found;
    std::string fix;
  };
  for (const Case& expected :
       {Case{State::kNotInstalled, "not installed", "sudo apt-get install -y docker.io"},
        Case{State::kNotRunning, "installed, not running", "sudo systemctl start docker"},
        Case{State::kPermissionDenied, "this user may not speak to it",
             "sudo usermod -aG docker \"$USER\" && newgrp docker"},
        Case{State::kSilent, "no answer within 5 s", "sudo systemctl restart docker"},
        Case{State::kFailed, "installed, does not answer", ""}}) {
    const std::vector<Finding> findings = judge(facts_with_state(expected.state), compose_plan(6));
    const Finding finding = finding_named(findings, "docker");
    EXPECT_EQ(finding.verdict, Verdict::kProblem);
    EXPECT_TRUE(finding.blocks_start());
    EXPECT_EQ(finding.found, expected.found);
    EXPECT_EQ(finding.fix, expected.fix);
    EXPECT_NE(finding.why, "");
    // Nothing is made up about an engine that did not answer.
    EXPECT_FALSE(has_finding(findings, "image"));
    EXPECT_FALSE(has_finding(findings, "docker-version"));
  }
}

TEST(JudgeEngine, StartsTheDaemonByHandWithoutSystemd) {
  HostFacts facts = facts_with_state(EngineFacts::State::kNotRunning);
  facts.has_systemd = false;
  EXPECT_EQ(judged(facts, "docker").fix, "sudo dockerd &");
}

TEST(JudgeEngine, BlamesAVariableThatLeadsToNoDaemon) {
  HostFacts facts = facts_with_state(EngineFacts::State::kNotRunning);
  facts.engine->has_host_variable = true;
  EXPECT_EQ(judged(facts, "docker").fix, "unset DOCKER_HOST");
  EXPECT_THAT(judged(facts, "docker").why, HasSubstr("DOCKER_HOST"));
}

TEST(JudgeEngine, WantsDockerOfTheVersionThatWasTried) {
  HostFacts facts = sound_facts();
  for (const char* version : {"20.10.0", "20.10.24+dfsg1", "v23.0", "100.0.1", "20.11-rc1"}) {
    facts.engine->server_version = version;
    EXPECT_EQ(judged(facts, "docker-version").verdict, Verdict::kOk) << version;
  }
  for (const char* version : {"20.9.9", "19.03.15", "1.13.1", "0.0"}) {
    facts.engine->server_version = version;
    EXPECT_EQ(judged(facts, "docker-version").verdict, Verdict::kProblem) << version;
  }
  for (const char* version : {"", "20", "dev", "x.y", "-1.2", "20.", "99999999999999999999.1"}) {
    facts.engine->server_version = version;
    EXPECT_EQ(judged(facts, "docker-version").verdict, Verdict::kUnknown) << version;
  }
}

TEST(JudgeEngine, TellsWhichComposeWillBeUsed) {
  HostFacts facts = sound_facts();
  EXPECT_EQ(judged(facts, "compose").found, "`docker compose` 2.29.1");
  facts.engine->compose_is_plugin = false;
  facts.engine->compose_version = "1.29.2";
  EXPECT_EQ(judged(facts, "compose").found, "`docker-compose` 1.29.2");
  EXPECT_EQ(judged(facts, "compose").verdict, Verdict::kOk);
  facts.engine->compose_version = "1.27.0";
  EXPECT_EQ(judged(facts, "compose").verdict, Verdict::kOk);
}

TEST(JudgeEngine, WantsComposeThatReadsTheFile) {
  HostFacts facts = sound_facts();
  facts.engine->compose_version = "1.26.9";
  EXPECT_EQ(judged(facts, "compose").verdict, Verdict::kProblem);
  EXPECT_TRUE(judged(facts, "compose").blocks_start());
  facts.engine->compose_version = "";
  EXPECT_EQ(judged(facts, "compose").verdict, Verdict::kProblem);
  EXPECT_EQ(judged(facts, "compose").fix, "sudo apt-get install -y docker-compose");
  facts.engine->compose_version = "docker-compose disaster";
  EXPECT_EQ(judged(facts, "compose").verdict, Verdict::kUnknown);
  facts.engine->compose_version.reset();
  EXPECT_EQ(judged(facts, "compose").verdict, Verdict::kUnknown);
}

TEST(JudgeEngine, TellsHowTheImageIsMade) {
  HostFacts facts = sound_facts();
  facts.engine->has_image = false;
  const Finding own = judged(facts, "image");
  EXPECT_EQ(own.verdict, Verdict::kProblem);
  EXPECT_TRUE(own.blocks_start());
  EXPECT_EQ(own.fix, "./run image");
  const Plan other{.engine = Engine::kCompose, .pops = 6, .image = "team/isopop:7"};
  EXPECT_EQ(finding_named(judge(facts, other), "image").fix, "docker pull team/isopop:7");
}

TEST(JudgeEngine, OffersTheNextFreePort) {
  HostFacts facts = sound_facts();
  facts.ports_taken = std::set<std::uint16_t>{8080, 8081, 8083};
  const Finding finding = judged(facts, "port");
  EXPECT_EQ(finding.verdict, Verdict::kProblem);
  EXPECT_TRUE(finding.blocks_start());
  EXPECT_EQ(finding.fix, "isopop up --engine compose --port 8082");
  EXPECT_THAT(finding.why, HasSubstr("ss -ltnp"));
}

TEST(JudgeEngine, DoesNotCallTheNetworksOwnPortTaken) {
  HostFacts facts = sound_facts();
  facts.ports_taken = std::set<std::uint16_t>{8080, 8081};
  facts.own_port = 8080;
  EXPECT_EQ(judged(facts, "port").verdict, Verdict::kOk);
  facts.own_port = 8081;
  EXPECT_EQ(judged(facts, "port").verdict, Verdict::kProblem);
}

TEST(JudgeEngine, OffersNoPortBeyondTheLast) {
  HostFacts facts = sound_facts();
  facts.ports_taken = std::set<std::uint16_t>{65'535};
  const Plan plan{.engine = Engine::kCompose, .port = 65'535};
  EXPECT_EQ(finding_named(judge(facts, plan), "port").verdict, Verdict::kProblem);
  EXPECT_EQ(finding_named(judge(facts, plan), "port").fix, "");
}

TEST(JudgeEngine, WantsAPrivateNetworkThatIsFree) {
  HostFacts facts = sound_facts();
  facts.engine->subnets_taken = {*parse_subnet("10.220.0.0/20")};
  EXPECT_EQ(judged(facts, "subnet").found, "10.220.16.0/20 is free");
  facts.engine->subnets_taken = {*parse_subnet("10.0.0.0/8")};
  EXPECT_EQ(judged(facts, "subnet").verdict, Verdict::kProblem);
  EXPECT_TRUE(judged(facts, "subnet").blocks_start());
}

TEST(JudgeEngine, KnowsHowManyContainersABridgeTakes) {
  const HostFacts facts = sound_facts();
  EXPECT_EQ(judged(facts, "bridge-ports", 1'021).verdict, Verdict::kOk);
  const Finding finding = judged(facts, "bridge-ports", 1'022);
  EXPECT_EQ(finding.verdict, Verdict::kProblem);
  EXPECT_TRUE(finding.blocks_start());
  EXPECT_EQ(finding.fix, "isopop up --engine compose --pops-per-container 2");
  const Plan dense{.engine = Engine::kCompose, .pops = 1'022, .pops_per_container = 2};
  EXPECT_EQ(finding_named(judge(facts, dense), "bridge-ports").verdict, Verdict::kOk);
}

TEST(JudgeEngine, CallsATableOfHalfTheNeighboursAProblem) {
  HostFacts facts = sound_facts();
  facts.neighbours_now = 0;
  facts.neighbours_max = 668;  // half of 4 x 330 + 16
  EXPECT_EQ(judged(facts, "neighbours").verdict, Verdict::kWarning);
  facts.neighbours_max = 667;
  EXPECT_EQ(judged(facts, "neighbours").verdict, Verdict::kProblem);
}

TEST(JudgeEngine, NeedsNoInotifyWithTheFirstControlGroups) {
  HostFacts facts = sound_facts();
  facts.inotify_instances = 1;
  facts.engine->cgroup_version = "1";
  EXPECT_EQ(judged(facts, "inotify").verdict, Verdict::kOk);
  EXPECT_FALSE(has_finding(judge(facts, compose_plan(330)), "inotify-instances"));
  // Docker has not told, this machine has.
  facts.engine->cgroup_version = "";
  facts.cgroup_version = "1";
  EXPECT_EQ(judged(facts, "inotify").verdict, Verdict::kOk);
}

TEST(JudgeEngine, WarnsWhenContainersAreNotLimited) {
  HostFacts facts = sound_facts();
  facts.engine->limits_memory = false;
  EXPECT_EQ(judged(facts, "cgroup").verdict, Verdict::kWarning);
  EXPECT_THAT(judged(facts, "cgroup").fix, HasSubstr("cgroup_enable=memory"));
  facts = sound_facts();
  facts.engine->limits_tasks = false;
  EXPECT_EQ(judged(facts, "cgroup").verdict, Verdict::kWarning);
  facts.engine->limits_tasks.reset();
  EXPECT_EQ(judged(facts, "cgroup").verdict, Verdict::kUnknown);
}

TEST(JudgeEngine, WarnsOfContainersWithoutSeccomp) {
  HostFacts facts = sound_facts();
  facts.engine->security = std::vector<std::string>{"name=apparmor"};
  EXPECT_EQ(judged(facts, "container-sandbox").verdict, Verdict::kWarning);
}

TEST(JudgeEngine, SaysThatAnotherMachinesKernelCannotBeLookedAt) {
  HostFacts facts;
  facts.kernel = "6.12.1";
  facts.engine = sound_facts().engine;
  facts.engine->is_elsewhere = true;
  facts.engine->kernel = "5.15.0-linuxkit";
  const std::vector<Finding> findings = judge(facts, compose_plan(330));
  EXPECT_EQ(finding_named(findings, "docker-host").verdict, Verdict::kWarning);
  EXPECT_THAT(finding_named(findings, "docker-host").found, HasSubstr("5.15.0-linuxkit"));
  EXPECT_EQ(finding_named(findings, "memory").verdict, Verdict::kUnknown);
  EXPECT_EQ(finding_named(findings, "image").verdict, Verdict::kOk);
}

TEST(JudgeEngine, AsksNothingOfDockerForProcesses) {
  HostFacts facts = sound_facts();
  facts.engine.reset();
  const std::vector<Finding> findings = judge(facts, {});
  EXPECT_FALSE(has_finding(findings, "docker"));
  EXPECT_FALSE(has_finding(findings, "port"));
  EXPECT_FALSE(has_finding(findings, "neighbours"));
}

}  // namespace
}  // namespace isopop::sim::doctor
