#include "sim/launch/sandbox_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isopop::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

PopReport pop_with(std::vector<SandboxMeasure> sandbox) {
  PopReport report;
  report.sandbox = std::move(sandbox);
  return report;
}

const SandboxMeasure kFilter{.name = "seccomp", .active = true, .detail = ""};
const SandboxMeasure kRules{.name = "landlock", .active = true, .detail = ""};
const SandboxMeasure kNoUsers{.name = "user-namespace", .active = false, .detail = "not permitted"};
const SandboxMeasure kNoNetwork{
    .name = "network-namespace", .active = false, .detail = "not permitted"};
const SandboxMeasure kNoRules{.name = "landlock", .active = false, .detail = "an old kernel"};

TEST(SummarizeSandboxes, IsOneLineWhereAllIsWell) {
  EXPECT_THAT(summarize_sandboxes({pop_with({kFilter, kRules}), pop_with({kFilter, kRules})}),
              ElementsAre("seccomp landlock (all 2 PoPs)"));
}

TEST(SummarizeSandboxes, GivesEachReasonOnce) {
  EXPECT_THAT(summarize_sandboxes({pop_with({kNoUsers, kNoNetwork, kFilter, kRules}),
                                   pop_with({kNoUsers, kNoNetwork, kFilter, kNoRules})}),
              ElementsAre("seccomp (all 2 PoPs)", "without landlock (1 PoP): an old kernel",
                          "without user network (2 PoPs): not permitted"));
}

TEST(SummarizeSandboxes, SaysWhoHasNotTold) {
  EXPECT_THAT(summarize_sandboxes({pop_with({kFilter}), pop_with({}), pop_with({})}),
              ElementsAre("seccomp (1 PoP)", "2 PoPs have not told yet"));
  EXPECT_THAT(summarize_sandboxes({pop_with({kNoUsers}), pop_with({})}),
              ElementsAre("nothing (1 PoP)", "without user (1 PoP): not permitted",
                          "1 PoP has not told yet"));
}

TEST(SummarizeSandboxes, OfNoPopsIsNothing) {
  EXPECT_THAT(summarize_sandboxes({}), IsEmpty());
}

}  // namespace
}  // namespace isopop::sim
