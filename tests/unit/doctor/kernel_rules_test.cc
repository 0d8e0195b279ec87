#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/doctor/kernel_probe.h"
#include "sim/doctor/rules.h"
#include "tests/unit/doctor/sound_facts.h"

namespace isopop::sim::doctor {
namespace {

using testing::HasSubstr;

const Attempt kRefused{.works = false, .reason = "not on this kernel"};

Finding judged(const HostFacts& facts, const std::string& name) {
  return finding_named(judge_kernel(facts, {}), name);
}

TEST(JudgeKernel, NamesTheWayPristineModeTakesInstead) {
  HostFacts facts = sound_facts();
  facts.pagemap_scan = kRefused;
  EXPECT_EQ(judged(facts, "pagemap-scan").verdict, Verdict::kWarning);
  EXPECT_THAT(judged(facts, "pagemap-scan").why, HasSubstr("Linux 6.12.1"));
  facts.pagemap_read = kRefused;
  EXPECT_THAT(judged(facts, "pagemap-scan").why, HasSubstr("drops all"));
}

TEST(JudgeKernel, FindsTheSettingThatRefusesUserNamespaces) {
  HostFacts facts = sound_facts();
  facts.user_namespace = kRefused;
  facts.network_namespace = kRefused;
  EXPECT_EQ(judged(facts, "user-namespaces").verdict, Verdict::kWarning);
  EXPECT_EQ(judged(facts, "user-namespaces").fix, "");  // no setting that is known

  facts.user_namespaces_by_apparmor = 1;
  EXPECT_EQ(judged(facts, "user-namespaces").fix,
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0");
  facts.user_namespaces_for_all = 0;
  EXPECT_EQ(judged(facts, "user-namespaces").fix,
            "sudo sysctl -w kernel.unprivileged_userns_clone=1");
  facts.user_namespaces_max = 0;
  EXPECT_EQ(judged(facts, "user-namespaces").fix, "sudo sysctl -w user.max_user_namespaces=65536");
}

TEST(JudgeKernel, TellsANetworkNamespaceApartFromAUserNamespace) {
  HostFacts facts = sound_facts();
  facts.network_namespace = kRefused;
  EXPECT_EQ(judged(facts, "user-namespaces").verdict, Verdict::kWarning);
  EXPECT_THAT(judged(facts, "user-namespaces").found, HasSubstr("none of the network"));
}

TEST(JudgeKernel, LooksAtNamespacesForProcessesOnly) {
  EXPECT_TRUE(has_finding(judge_kernel(sound_facts(), {}), "user-namespaces"));
  EXPECT_FALSE(has_finding(judge_kernel(sound_facts(), compose_plan(6)), "user-namespaces"));
}

TEST(JudgeKernel, WarnsOfWhatTheSandboxMisses) {
  HostFacts facts = sound_facts();
  facts.landlock = kRefused;
  facts.seccomp = kRefused;
  EXPECT_EQ(judged(facts, "landlock").verdict, Verdict::kWarning);
  EXPECT_EQ(judged(facts, "landlock").found, "not on this kernel");
  EXPECT_EQ(judged(facts, "seccomp").verdict, Verdict::kWarning);
}

TEST(JudgeKernel, WarnsOfHugePagesForAllMemory) {
  HostFacts facts = sound_facts();
  facts.huge_pages = "never";
  EXPECT_EQ(judged(facts, "huge-pages").verdict, Verdict::kOk);
  facts.huge_pages = "always";
  EXPECT_EQ(judged(facts, "huge-pages").verdict, Verdict::kWarning);
  EXPECT_EQ(judged(facts, "huge-pages").fix,
            "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled");
}

TEST(JudgeKernel, WarnsOfStrictOvercommitOnly) {
  HostFacts facts = sound_facts();
  facts.overcommit_mode = 1;
  EXPECT_EQ(judged(facts, "overcommit").verdict, Verdict::kOk);
  facts.overcommit_mode = 2;
  EXPECT_EQ(judged(facts, "overcommit").verdict, Verdict::kWarning);
}

TEST(KernelProbe, TriesEverythingAndLeavesThisProcessAsItWas) {
  const HostFacts facts = with_kernel_probes({});
  for (const auto& attempt :
       {facts.pagemap_scan, facts.pagemap_read, facts.user_namespace, facts.network_namespace,
        facts.landlock, facts.seccomp, facts.loopback}) {
    ASSERT_TRUE(attempt.has_value());
    EXPECT_EQ(attempt->works, attempt->reason.empty()) << attempt->reason;
  }
  EXPECT_EQ(facts.landlock->works, facts.landlock_version > 0);
  // Had a namespace or filter been for this process, a second try would differ.
  const HostFacts again = with_kernel_probes({});
  EXPECT_EQ(again.user_namespace->works, facts.user_namespace->works);
  EXPECT_EQ(again.is_root, facts.is_root);
}

}  // namespace
}  // namespace isopop::sim::doctor
